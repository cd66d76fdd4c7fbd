#pragma once
// The layout of an extended state that was stored by moves (vector_moves.S), shared with assembly. It differs from XSAVE's, whose
// header (Intel SDM vol. 1, 13.4.2) has no bit 63 in the place of the mark but for compacted areas, which nobody here makes.
#define VECTOR_MARK_AT 519      // the last byte of XSTATE_BV
#define VECTOR_MARK 0x80
#define VECTOR_CONTROL 576      // MXCSR

#ifndef __ASSEMBLER__
#include <cstdint>

extern "C" {
bool save_vectors(uint8_t* area);
void restore_vectors(const uint8_t* area);
}
#endif
