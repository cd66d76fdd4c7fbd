#pragma once
// A processor's registers in the order and widths in which GDB knows them, and their description for it (GDB's manual, appendix G "Target
// Descriptions", features org.gnu.gdb.i386.*).
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace eremite::vmm::gdb {

// By GDB's numbers.
enum Register : size_t {
    Rax, Rbx, Rcx, Rdx, Rsi, Rdi, Rbp, Rsp, R8, R9, R10, R11, R12, R13, R14, R15, Rip,
    Eflags, Cs, Ss, Ds, Es, Fs, Gs,
    St0, Fctrl = St0 + 8, Fstat, Ftag, Fiseg, Fioff, Foseg, Fooff, Fop,
    Xmm0, Mxcsr = Xmm0 + 16, FsBase, GsBase,
    Cr0, Cr2, Cr3, Cr4, Efer,
    RegisterCount,
};

class RegisterFile {
public:
    [[nodiscard]] static size_t width(size_t number);
    // Bytes of all.
    static constexpr size_t size = 17 * 8 + 7 * 4 + 8 * 10 + 8 * 4 + 16 * 16 + 4 + 7 * 8;

    // Requires: number < RegisterCount.
    [[nodiscard]] std::span<std::byte> bytes(size_t number);
    [[nodiscard]] std::span<const std::byte> bytes(size_t number) const { return const_cast<RegisterFile*>(this)->bytes(number); }
    // Those of at most 64 bits.
    [[nodiscard]] uint64_t value(size_t number) const;
    void set(size_t number, uint64_t value);
    [[nodiscard]] std::span<std::byte> all() { return all_; }

private:
    std::array<std::byte, size> all_{};
};

// target.xml.
[[nodiscard]] std::string target_description();

}  // namespace eremite::vmm::gdb
