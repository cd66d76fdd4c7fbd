#include "libos/init/initial_stack.hpp"

#include <elf.h>

#include "libos/arch/cpu.hpp"
#include "libos/arch/signal_frame.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/random/random.hpp"
#include "libos/vdso/map.hpp"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

namespace eremite::init {

namespace {

constexpr uint64_t stack_size = 8 << 20;
constexpr uint64_t largest_contents = stack_size / 4;

// Writes downwards from the end of the stack.
class StackWriter {
public:
    explicit StackWriter(VirtualRange stack) : lowest_{stack.end - largest_contents}, at_{stack.end} {}

    Result<VirtualAddress> push_bytes(const void* bytes, size_t size) {
        if (at_ - lowest_ < size) return Error{E2BIG};
        at_ = at_ - size;
        TRY(mm::copy_to_user(at_, bytes, size));
        return at_;
    }
    Result<VirtualAddress> push_string(std::string_view text) {
        const char zero = 0;
        TRY(push_bytes(&zero, 1));
        return push_bytes(text.data(), text.size());
    }
    // Makes the words pushed next end at a 16-byte boundary, as the psABI wants the stack pointer.
    void align_for_words(size_t count) { at_ = VirtualAddress{align_down(at_.value - count * 8, 16) + count * 8}; }

private:
    VirtualAddress lowest_;
    VirtualAddress at_;
};

Result<Vector<uint64_t>> push_strings(StackWriter& writer, std::span<const std::string_view> strings) {
    Vector<uint64_t> addresses;
    TRY(addresses.reserve(strings.size() + 1));
    for (std::string_view text : strings) TRY(addresses.push_back(TRY(writer.push_string(text)).value));
    return addresses;
}

Result<void> append(Vector<uint64_t>& words, const Vector<uint64_t>& more) {
    for (uint64_t word : more) TRY(words.push_back(word));
    return words.push_back(0);
}

}  // namespace

Result<VirtualAddress> make_initial_stack(mm::AddressSpace& space, const Program& program, const KernelArguments& arguments) {
    StackWriter writer{TRY(space.add_stack(stack_size))};
    const uint64_t name = TRY(writer.push_string(arguments.program_name)).value;
    const uint64_t platform = TRY(writer.push_string("x86_64")).value;
    uint8_t random_bytes[16];
    random::fill(random_bytes);
    const uint64_t random_at = TRY(writer.push_bytes(random_bytes, sizeof random_bytes)).value;

    const auto argument_addresses = TRY(push_strings(writer, arguments.argv()));
    const auto environment_addresses = TRY(push_strings(writer, arguments.environment.span()));

    constexpr uint64_t clock_ticks = 100;
    const uint64_t vdso = TRY(vdso::map(space)).value;
    const uint64_t auxiliary[] = {
        AT_PHDR, program.headers.value, AT_PHENT, sizeof(Elf64_Phdr), AT_PHNUM, program.header_count, AT_PAGESZ, page_size, AT_BASE, 0,
        AT_FLAGS, 0, AT_ENTRY, program.entry.value, AT_UID, 0, AT_EUID, 0, AT_GID, 0, AT_EGID, 0, AT_SECURE, 0, AT_RANDOM, random_at,
        AT_HWCAP, arch::describe_cpu().hardware_capabilities, AT_HWCAP2, 2 /* FSGSBASE */, AT_CLKTCK, clock_ticks, AT_PLATFORM, platform,
        AT_EXECFN, name, AT_MINSIGSTKSZ, arch::signal_frame_size(), AT_SYSINFO_EHDR, vdso, AT_NULL, 0};

    Vector<uint64_t> words;
    TRY(words.push_back(arguments.argv().size()));
    TRY(append(words, argument_addresses));
    TRY(append(words, environment_addresses));
    for (uint64_t word : auxiliary) TRY(words.push_back(word));
    writer.align_for_words(words.size());
    return writer.push_bytes(words.data(), words.size() * sizeof(uint64_t));
}

}  // namespace eremite::init
