// How the extended state is saved: FXSAVE, XSAVE, XSAVEOPT, or moves. The last are for QEMU's TCG, which runs the others as calls
// that take several times as long as moves do; for a CPU it is the other way round.
#include "libos/arch/x86_64/extended_state.hpp"

#include <cpuid.h>

#include <cstring>

#include "libos/arch/context.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/x86_64/vector_moves.hpp"

namespace eremite::arch {

namespace {

enum class Method : uint8_t { Fxsave, Xsave, Xsaveopt, Moves };
constinit Method method = Method::Fxsave;
constinit size_t state_size = 512;
// The components that are ours to save. Not simply all: a host that interprets ring 0 lets the CPU keep its own, larger XCR0.
constinit uint32_t components = 0;

// Where XSAVE says which components it stored.
constexpr size_t header_at = 512, header_size = 64;

void save_by(Method how, uint8_t* area) {
    // SAFETY: area is 64-byte aligned and state_size bytes long; the instructions only write there.
    switch (how) {
    case Method::Fxsave: asm volatile("fxsave64 (%0)" : : "r"(area) : "memory"); return;
    case Method::Xsaveopt: asm volatile("xsaveopt64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory"); return;
    case Method::Moves:
        if (save_vectors(area)) return;
        std::memset(area + header_at, 0, header_size);
        [[fallthrough]];
    case Method::Xsave: asm volatile("xsave64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory"); return;
    }
}

}  // namespace

// Intel SDM vol. 1, 13.4 (layout), 13.9 (XSAVEOPT).
void start_extended_state(uint64_t xcr0) {
    if (xcr0 == 0) return;
    constexpr uint32_t up_to_avx = 7;
    components = static_cast<uint32_t>(xcr0);
    uint32_t a = 0, b = 0, c = 0, d = 0;
    __cpuid_count(0xd, 0, a, b, c, d);
    state_size = b;
    __cpuid_count(0xd, 1, a, b, c, d);
    method = a & 1 ? Method::Xsaveopt : Method::Xsave;
    if (components == up_to_avx && emulated()) method = Method::Moves;
}

size_t extended_state_size() { return state_size; }

uint32_t extended_state_components() { return components; }

void save_registers(uint8_t* area) { save_by(method, area); }

// Not XSAVEOPT, which leaves out what it believes to be in an area that was restored from.
void save_registers_as_documented(uint8_t* area) {
    if (method == Method::Fxsave) return save_by(method, area);
    // XSAVE leaves parts of the header alone, which must be zero for XRSTOR.
    std::memset(area + header_at, 0, header_size);
    save_by(Method::Xsave, area);
}

void restore_registers(const uint8_t* area) {
    // SAFETY: the area holds what XRSTOR accepts; no code of the library OS holds values in these registers.
    if (method == Method::Fxsave) asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    else if (method == Method::Moves && area[VECTOR_MARK_AT] == VECTOR_MARK) restore_vectors(area);
    else asm volatile("xrstor64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory");
}

}  // namespace eremite::arch
