#pragma once
// x87 and vector registers of the running thread, between the CPU and an area of extended_state_size() bytes.
#include <cstdint>

namespace eremite::arch {

// In whatever form is fastest; only restore_registers() can read it.
void save_registers(uint8_t* area);
// In the form of FXSAVE or XSAVE, which signal frames have.
void save_registers_as_documented(uint8_t* area);
// From an area that one of the two above filled, or that has the form of FXSAVE or XSAVE and nothing that the CPU refuses.
void restore_registers(const uint8_t* area);

}  // namespace eremite::arch
