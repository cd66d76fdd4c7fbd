#include "cli/trial_image.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <system_error>

#include "abi/host_channel.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/session.hpp"

namespace eremite::cli {

namespace {

constexpr uint32_t load_address = 0x100000;
constexpr uint8_t trial_status = 42;
constexpr uint32_t instructions_a_turn = 2;

// The whole file: headers, note and code, loaded as one segment.
struct TrialFile {
    Elf64_Ehdr header;
    Elf64_Phdr load;
    Elf64_Phdr note;
    Elf64_Nhdr note_header;
    std::array<char, 4> note_name;
    uint32_t note_entry;
    std::array<uint8_t, 32> code;
};

}  // namespace

std::string trial_image(uint32_t turns) {
    TrialFile file{};
    constexpr uint32_t entry = load_address + offsetof(TrialFile, code);
    std::memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_ident[EI_VERSION] = EV_CURRENT;
    file.header.e_type = ET_EXEC;
    file.header.e_machine = EM_X86_64;
    file.header.e_version = EV_CURRENT;
    file.header.e_entry = entry;
    file.header.e_phoff = offsetof(TrialFile, load);
    file.header.e_ehsize = sizeof(Elf64_Ehdr);
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file.header.e_phnum = 2;
    file.load = {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_offset = 0,
                 .p_vaddr = load_address,
                 .p_paddr = load_address,
                 .p_filesz = sizeof file,
                 .p_memsz = sizeof file,
                 .p_align = 4096};
    constexpr uint64_t note_offset = offsetof(TrialFile, note_header);
    constexpr uint64_t note_size = offsetof(TrialFile, code) - note_offset;
    file.note = {.p_type = PT_NOTE,
                 .p_flags = PF_R,
                 .p_offset = note_offset,
                 .p_vaddr = load_address + note_offset,
                 .p_paddr = load_address + note_offset,
                 .p_filesz = note_size,
                 .p_memsz = note_size,
                 .p_align = 4};
    constexpr uint32_t phys32_entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
    file.note_header = {.n_namesz = 4, .n_descsz = sizeof file.note_entry, .n_type = phys32_entry};
    file.note_name = {'X', 'e', 'n', '\0'};
    file.note_entry = entry;
    const auto byte = [turns](unsigned index) { return static_cast<uint8_t>(turns >> (8 * index)); };
    const std::array<uint8_t, 17> code{
        0xb9,
        byte(0),
        byte(1),
        byte(2),
        byte(3),  // mov $turns, %ecx
        0x49,     // 1: dec %ecx
        0x75,
        0xfd,  // jnz 1b
        0x66,
        0xba,
        abi::debug_exit_port & 0xff,
        abi::debug_exit_port >> 8,  // mov $port, %dx
        0xb0,
        trial_status,  // mov $status, %al
        0xee,          // out %al, %dx
        0xeb,
        0xfe,  // 1: jmp 1b
    };
    std::ranges::copy(code, file.code.begin());
    std::string bytes(sizeof file, '\0');
    std::memcpy(bytes.data(), &file, sizeof file);
    return bytes;
}

Trial run_trial_image(const std::filesystem::path& qemu, Accelerator accelerator) {
    constexpr std::chrono::seconds limit{15};
    // A hypervisor that interprets ring 0 is some hundred times slower than an emulator.
    const uint32_t long_loop = accelerator == Accelerator::Kvm ? 1'000'000 : 100'000'000;
    Trial trial;
    const std::filesystem::path path = cache_folder() / fmt::format("trial-{}.elf", ::getpid());
    double milliseconds[2]{};
    for (const bool looping : {false, true}) {
        if (!replace_text(path, trial_image(looping ? long_loop : 1))) {
            trial.failure = fmt::format("cannot write {}", path.string());
            return trial;
        }
        VirtualMachine machine;
        machine.qemu = qemu.string();
        machine.accelerator = accelerator;
        machine.kernel = path.string();
        try {
            const SessionEnd end = run_session(machine, {.raw_terminal = false, .framed_input = false, .timeout = limit, .detached = true});
            milliseconds[looping] = std::chrono::duration<double, std::milli>(end.until_end).count();
            if (end.timed_out) {
                trial.failure = fmt::format("no end within {} s", limit.count());
            } else if (!WIFEXITED(end.wait_status) || WEXITSTATUS(end.wait_status) != (trial_status << 1 | 1)) {
                trial.failure = end.vmm_messages.empty() ? "QEMU ended without the image's exit status" : end.vmm_messages;
            }
        } catch (const Failure& failure) {
            trial.failure = failure.what();
        }
        if (!trial.failure.empty()) break;
    }
    std::error_code error;
    std::filesystem::remove(path, error);
    trial.milliseconds = milliseconds[false];
    trial.instruction_ns = std::max(0.0, milliseconds[true] - milliseconds[false]) * 1e6 / long_loop / instructions_a_turn;
    return trial;
}

}  // namespace eremite::cli
