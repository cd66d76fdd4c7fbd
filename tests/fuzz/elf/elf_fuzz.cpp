// Feeds arbitrary bytes to the reader of ELF files and to what uses its result. Requires: clang's libFuzzer.
#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/elf_image.hpp"
#include "cli/failure.hpp"
#include "cli/syscall_scan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace eremite::cli;
    try {
        const ElfImage image = ElfImage::parse(std::as_bytes(std::span{data, size}), "input");
        size_t touched = image.physical_end() + image.load_size();
        for (const ElfSection& section : image.sections()) {
            touched += section.name.size();
            for (const std::byte byte : image.bytes_of(section)) touched += std::to_integer<size_t>(byte);
        }
        for (const ElfSegment& segment : image.segments()) {
            SyscallScan scan;
            scan_syscalls(image.bytes_of(segment), scan);
            touched += scan.sites + image.bytes_at(segment.virtual_address, 64).size();
        }
        volatile size_t sink = touched;
        (void)sink;
    } catch (const Failure&) {
        // A file it refuses.
    }
    return 0;
}
