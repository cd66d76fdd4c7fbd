#include "cli/backtrace.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cli/elf_image.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {

namespace {

constexpr size_t most_frames = 64;

// DWARF numbers of the registers (System V ABI, AMD64 supplement, figure 3.36).
constexpr std::array<std::string_view, 16> dwarf_registers{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
                                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

struct Frame {
    uint64_t address;
    bool exact;  // the instruction that faulted, not a return address
};

// What the callbacks of libdwfl see of the dead program.
struct DeadProgram {
    const ElfImage& image;
    const Report& report;
    std::map<std::string, uint64_t, std::less<>> registers;
    std::vector<Frame> frames;

    [[nodiscard]] std::optional<uint64_t> find_register(std::string_view name) const {
        const auto found = registers.find(name);
        return found == registers.end() ? std::nullopt : std::optional{found->second};
    }
};

bool read_word(const DeadProgram& program, uint64_t address, uint64_t& word) {
    for (const StackPiece& piece : program.report.stack) {
        if (address < piece.address) continue;
        const uint64_t offset = address - piece.address;
        if (offset >= piece.bytes.size()) continue;
        if (piece.bytes.size() - offset >= sizeof word) {
            std::memcpy(&word, piece.bytes.data() + offset, sizeof word);
            return true;
        }
    }
    const auto bytes = program.image.bytes_at(address - program.report.bias, sizeof word);
    if (bytes.size() < sizeof word) return false;
    std::memcpy(&word, bytes.data(), sizeof word);
    return true;
}

pid_t next_thread(Dwfl*, void* argument, void** thread_argument) {
    if (*thread_argument != nullptr) return 0;
    *thread_argument = argument;
    return ::getpid();
}

bool memory_read(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
    uint64_t word;
    if (!read_word(*static_cast<const DeadProgram*>(argument), address, word)) return false;
    *result = word;
    return true;
}

bool set_initial_registers(Dwfl_Thread* thread, void* argument) {
    const auto& program = *static_cast<const DeadProgram*>(argument);
    std::array<Dwarf_Word, dwarf_registers.size()> values{};
    for (size_t i = 0; i < values.size(); ++i) values[i] = program.find_register(dwarf_registers[i]).value_or(0);
    const auto rip = program.find_register("rip");
    if (!rip || !dwfl_thread_state_registers(thread, 0, values.size(), values.data())) return false;
    dwfl_thread_state_register_pc(thread, *rip);
    return true;
}

int take_frame(Dwfl_Frame* frame, void* argument) {
    auto& program = *static_cast<DeadProgram*>(argument);
    Dwarf_Addr address = 0;
    bool exact = false;
    if (!dwfl_frame_pc(frame, &address, &exact) || address == 0) return DWARF_CB_ABORT;
    program.frames.push_back({address, exact});
    return program.frames.size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

int take_thread(Dwfl_Thread* thread, void* argument) {
    // That unwinding ends early is the ordinary case; what was found until then counts.
    (void)dwfl_thread_getframes(thread, take_frame, argument);
    return DWARF_CB_ABORT;
}

std::string demangle(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain{abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free};
    return status == 0 ? plain.get() : name;
}

std::string describe_frame(Dwfl* dwfl, const Frame& frame) {
    // A return address may already belong to the next line or function.
    const uint64_t address = frame.exact ? frame.address : frame.address - 1;
    std::string text = fmt::format("{:#x}", frame.address);
    Dwfl_Module* const module = dwfl_addrmodule(dwfl, address);
    if (module == nullptr) return text + "  (not in the program)";
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char* const name = dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
    text += name != nullptr ? fmt::format("  {}", demangle(name)) : "  (no symbol)";
    int line = 0;
    if (Dwfl_Line* const source = dwfl_module_getsrc(module, address)) {
        if (const char* const file = dwfl_lineinfo(source, nullptr, &line, nullptr, nullptr, nullptr))
            text += fmt::format("  {}:{}", file, line);
    }
    return text;
}

// A jump to where there is no code (a null function pointer) is a call that has only just pushed its return address: goes back to the
// caller. True when it did.
bool step_out_of_nowhere(DeadProgram& program) {
    const auto rip = program.find_register("rip");
    const auto rsp = program.find_register("rsp");
    if (!rip || !rsp) return false;
    const ElfSection* const section = program.image.section_at(*rip - program.report.bias);
    if (section != nullptr && (section->flags & SHF_EXECINSTR) != 0) return false;
    uint64_t return_address;
    if (!read_word(program, *rsp, return_address)) return false;
    program.frames.push_back({*rip, true});
    program.registers["rip"] = return_address;
    program.registers["rsp"] = *rsp + sizeof return_address;
    return true;
}

// Fills program.frames and describes them.
std::vector<std::string> unwind(const std::filesystem::path& executable, DeadProgram& program) {
    static char* no_debug_path = nullptr;
    const Dwfl_Callbacks callbacks{.find_elf = dwfl_build_id_find_elf,
                                   .find_debuginfo = dwfl_standard_find_debuginfo,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = &no_debug_path};
    const std::unique_ptr<Dwfl, decltype(&dwfl_end)> dwfl{dwfl_begin(&callbacks), &dwfl_end};
    if (!dwfl) return {};
    dwfl_report_begin(dwfl.get());
    const bool found =
        dwfl_report_elf(dwfl.get(), executable.filename().c_str(), executable.c_str(), -1, program.report.bias, true) != nullptr;
    if (dwfl_report_end(dwfl.get(), nullptr, nullptr) != 0 || !found) return {};
    static const Dwfl_Thread_Callbacks thread_callbacks{.next_thread = next_thread,
                                                        .get_thread = nullptr,
                                                        .memory_read = memory_read,
                                                        .set_initial_registers = set_initial_registers,
                                                        .detach = nullptr,
                                                        .thread_detach = nullptr};
    const bool stepped = step_out_of_nowhere(program);
    if (dwfl_attach_state(dwfl.get(), nullptr, ::getpid(), &thread_callbacks, &program))
        (void)dwfl_getthreads(dwfl.get(), take_thread, &program);
    if (stepped && program.frames.size() > 1) program.frames[1].exact = false;
    const auto rip = program.find_register("rip");
    if (program.frames.empty() && rip) program.frames.push_back({*rip, true});
    std::vector<std::string> lines;
    for (const Frame& frame : program.frames) {
        const ElfSection* const section = program.image.section_at(frame.address - program.report.bias);
        // The library OS is not the program's business, except when the fault itself is there.
        if (section != nullptr && part_of(section->name) != ImagePart::Program && !frame.exact) continue;
        lines.push_back(describe_frame(dwfl.get(), frame));
    }
    return lines;
}

// An executable of a machine that failed.
struct Loaded {
    MappedFile file;
    ElfImage image;
};

// Whether the instruction before this address is a call, so that it may be one that a function returns to (AMD64 manual, volume 3, CALL).
bool follows_call(const ElfImage& image, uint64_t address) {
    constexpr size_t longest = 7;
    const ElfSection* const section = image.section_at(address - 1);
    if (section == nullptr || (section->flags & SHF_EXECINSTR) == 0 || address < section->address + longest) return false;
    const auto bytes = image.bytes_at(address - longest, longest);
    if (bytes.size() < longest) return false;
    constexpr std::byte near_relative{0xe8}, indirect{0xff};
    constexpr size_t relative_length = 5;
    if (bytes[longest - relative_length] == near_relative) return true;
    // The middle bits of the byte behind the operation are 2 for a call.
    for (size_t length = 2; length < longest; ++length)
        if (bytes[longest - length] == indirect && (std::to_integer<unsigned>(bytes[longest - length + 1]) >> 3 & 7) == 2) return true;
    return false;
}

std::vector<Frame> scan_stack(std::span<const Loaded> executables, const Report& report) {
    std::vector<Frame> frames;
    for (const StackPiece& piece : report.stack) {
        for (size_t at = 0; at + sizeof(uint64_t) <= piece.bytes.size() && frames.size() < most_frames; at += sizeof(uint64_t)) {
            uint64_t word = 0;
            std::memcpy(&word, piece.bytes.data() + at, sizeof word);
            if (std::any_of(executables.begin(), executables.end(), [word](const Loaded& loaded) { return follows_call(loaded.image, word); }))
                frames.push_back({word, false});
        }
    }
    return frames;
}

}  // namespace

std::string describe_crash(std::span<const std::filesystem::path> executables, const Report& report) {
    const auto rip = report.registers.find("rip");
    if (rip == report.registers.end()) return "  no backtrace: the processor's registers are not known\n";
    static char* no_debug_path = nullptr;
    const Dwfl_Callbacks callbacks{.find_elf = dwfl_build_id_find_elf,
                                   .find_debuginfo = dwfl_standard_find_debuginfo,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = &no_debug_path};
    const std::unique_ptr<Dwfl, decltype(&dwfl_end)> dwfl{dwfl_begin(&callbacks), &dwfl_end};
    if (!dwfl) return "  no backtrace: there is no memory for it\n";
    std::vector<Loaded> loaded;
    dwfl_report_begin(dwfl.get());
    for (const std::filesystem::path& path : executables) {
        try {
            MappedFile file{path};
            const ElfImage image = ElfImage::parse(file.bytes(), path.string());
            // One that is loaded anywhere else has no symbols at its addresses.
            if (image.flavour() == ElfFlavour::StaticPie) continue;
            if (dwfl_report_elf(dwfl.get(), path.filename().c_str(), path.c_str(), -1, 0, true) != nullptr) loaded.push_back({std::move(file), image});
        } catch (const Failure&) {
            // The others may do.
        }
    }
    (void)dwfl_report_end(dwfl.get(), nullptr, nullptr);
    std::vector<Frame> frames{{rip->second, true}};
    const std::vector<Frame> callers = scan_stack(loaded, report);
    frames.insert(frames.end(), callers.begin(), callers.end());
    std::string text;
    for (size_t i = 0; i < frames.size(); ++i) text += fmt::format("  #{:<2} {}{}\n", i, describe_frame(dwfl.get(), frames[i]), frames[i].exact ? "" : "  ?");
    return text;
}

std::string describe_signal(int signal) {
    struct Name {
        int signal;
        std::string_view meaning;
    };
    constexpr std::array names{Name{SIGSEGV, "invalid memory access"},
                               Name{SIGBUS, "memory access beyond a mapped file or misaligned"},
                               Name{SIGILL, "illegal instruction"},
                               Name{SIGFPE, "arithmetic fault"},
                               Name{SIGTRAP, "breakpoint"},
                               Name{SIGABRT, "aborted"}};
    const char* const abbreviation = sigabbrev_np(signal);
    std::string text = abbreviation != nullptr ? fmt::format("SIG{}", abbreviation) : fmt::format("signal {}", signal);
    for (const Name& name : names) {
        if (name.signal == signal) return fmt::format("{} ({})", text, name.meaning);
    }
    return text;
}

std::string describe_fault(const std::filesystem::path& executable, const Report& report) {
    std::string text = fmt::format("program died: {}", describe_signal(report.fault->signal));
    if (report.fault->address) text += fmt::format(" at address {:#x}", *report.fault->address);
    text += '\n';
    std::vector<std::string> lines;
    try {
        const MappedFile file{executable};
        const ElfImage image = ElfImage::parse(file.bytes(), executable.string());
        DeadProgram program{image, report, report.registers, {}};
        lines = unwind(executable, program);
    } catch (const Failure& failure) {
        return text + fmt::format("  no backtrace: {}\n", failure.what());
    }
    if (lines.empty()) text += "  no backtrace: the image reported no registers\n";
    for (size_t i = 0; i < lines.size(); ++i) text += fmt::format("  #{:<2} {}\n", i, lines[i]);
    return text;
}

}  // namespace eremite::cli
