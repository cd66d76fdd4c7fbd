#include "cli/info_command.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "cli/elf_image.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/installation.hpp"
#include "cli/size.hpp"
#include "cli/syscall_scan.hpp"

namespace eremite::cli {

namespace {

constexpr std::array parts{ImagePart::Program, ImagePart::LibraryOs, ImagePart::Supervisor};

struct Info {
    ElfFlavour flavour{};
    bool relocates = false;
    uint64_t entry = 0;
    std::optional<uint32_t> pvh_entry;
    uint64_t load_size = 0;
    std::array<uint64_t, parts.size()> sizes{};  // bytes in memory, in the order of `parts`
    SyscallScan syscalls;
    std::optional<std::vector<std::string>> missing_syscalls;  // nothing: unknown what Eremite implements
};

std::optional<std::set<std::string, std::less<>>> implemented_syscalls() {
    const auto path = find_data("implemented_syscalls.txt");
    if (!path) return std::nullopt;
    const auto text = read_text(*path);
    if (!text) return std::nullopt;
    std::set<std::string, std::less<>> names;
    std::istringstream lines{*text};
    for (std::string name; lines >> name;) names.insert(name);
    return names;
}

void scan_code(const ElfImage& image, SyscallScan& scan) {
    if (image.sections().empty()) {
        for (const ElfSegment& segment : image.segments()) {
            if (segment.type == PT_LOAD && (segment.flags & PF_X) != 0) scan_syscalls(image.bytes_of(segment), scan);
        }
        return;
    }
    for (const ElfSection& section : image.sections()) {
        if ((section.flags & SHF_EXECINSTR) != 0 && part_of(section.name) == ImagePart::Program)
            scan_syscalls(image.bytes_of(section), scan);
    }
}

Info gather(const ElfImage& image) {
    Info info;
    info.flavour = image.flavour();
    info.entry = image.entry();
    info.pvh_entry = image.pvh_entry();
    info.load_size = image.load_size();
    for (const ElfSection& section : image.sections()) {
        if ((section.flags & SHF_ALLOC) != 0) info.sizes[static_cast<size_t>(part_of(section.name))] += section.size;
    }
    scan_code(image, info.syscalls);
    if (const auto implemented = implemented_syscalls()) {
        info.missing_syscalls.emplace();
        for (const uint32_t number : info.syscalls.numbers) {
            if (const auto name = syscall_name(number); !implemented->contains(name)) info.missing_syscalls->emplace_back(name);
        }
    }
    return info;
}

std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

void print_json(const std::string& path, const Info& info) {
    std::string missing = "null";
    if (info.missing_syscalls) {
        std::vector<std::string> names;
        for (const std::string& name : *info.missing_syscalls) names.push_back(json_string(name));
        missing = "[" + join(names, ", ") + "]";
    }
    std::vector<std::string> used;
    for (const uint32_t number : info.syscalls.numbers) used.push_back(json_string(syscall_name(number)));
    fmt::print("{{\"file\": {}, \"flavour\": {}, \"runnable\": {}, \"entry\": {}, \"pvh_entry\": {}, \"load_bytes\": {}, ",
               json_string(path), json_string(name_of(info.flavour)), info.flavour != ElfFlavour::Dynamic, info.entry,
               info.pvh_entry ? fmt::format("{}", *info.pvh_entry) : "null", info.load_size);
    fmt::print("\"program_bytes\": {}, \"library_os_bytes\": {}, \"supervisor_bytes\": {}, ", info.sizes[0], info.sizes[1], info.sizes[2]);
    fmt::print("\"syscall_sites\": {}, \"syscall_sites_unknown\": {}, \"syscalls\": [{}], \"syscalls_missing\": {}}}\n",
               info.syscalls.sites, info.syscalls.unknown, join(used, ", "), missing);
}

void print_text(const std::string& path, const Info& info) {
    fmt::print("{}: {}\n", path, name_of(info.flavour));
    if (info.flavour == ElfFlavour::Dynamic) fmt::print("  cannot run: link it with -static, or build it with eremite-c++\n");
    fmt::print("  entry         {:#x}\n", info.entry);
    if (info.pvh_entry) fmt::print("  machine entry {:#x} (PVH)\n", *info.pvh_entry);
    fmt::print("  in memory     {}\n", format_size(info.load_size));
    if (info.flavour == ElfFlavour::LinkedImage) {
        fmt::print("  program       {}\n  library OS    {}\n  supervisor    {}\n", format_size(info.sizes[0]), format_size(info.sizes[1]),
                   format_size(info.sizes[2]));
    }
    fmt::print("  system calls  {} kinds at {} places, {} more places whose number is not known\n", info.syscalls.numbers.size(),
               info.syscalls.sites - info.syscalls.unknown, info.syscalls.unknown);
    if (!info.missing_syscalls) {
        fmt::print("  missing       not known: the list of implemented system calls (implemented_syscalls.txt) is not installed\n");
    } else if (info.missing_syscalls->empty()) {
        fmt::print("  missing       none\n");
    } else {
        fmt::print("  missing       {} (they return ENOSYS if the program makes them)\n", join(*info.missing_syscalls, ", "));
    }
}

}  // namespace

int info_command(const InfoOptions& options) {
    const MappedFile file{find_program(options.image)};
    const Info info = gather(ElfImage::parse(file.bytes(), options.image));
    if (options.json) {
        print_json(options.image, info);
    } else {
        print_text(options.image, info);
    }
    return 0;
}

}  // namespace eremite::cli
