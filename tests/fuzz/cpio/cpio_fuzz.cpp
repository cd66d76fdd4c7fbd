// The archive reader must take any bytes: stay within them, come to an end, and agree with itself.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "libos/fs/cpio.hpp"

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using eremite::fs::CpioError;
    using eremite::fs::CpioReader;
    const std::span<const uint8_t> bytes{data, size};
    CpioReader reader{bytes};
    size_t before = 0;
    uint64_t sum = 0;
    for (;;) {
        eremite::fs::CpioEntry entry;
        const auto step = reader.next(entry);
        require(reader.offset() <= size);
        if (step == CpioReader::Step::Failed) {
            require(reader.error() != CpioError::None && !to_string(reader.error()).empty());
            require(reader.next(entry) == CpioReader::Step::Failed);
            break;
        }
        require(reader.error() == CpioError::None);
        if (step == CpioReader::Step::End) {
            require(reader.offset() == size);
            break;
        }
        // Each step consumes at least a header, which bounds the loop.
        require(reader.offset() >= before + 110);
        before = reader.offset();
        if (step != CpioReader::Step::Entry) continue;
        require(!entry.name.empty() && entry.name.size() < 4096 && entry.name.find('\0') == entry.name.npos);
        require(entry.data.empty() || (entry.data.data() >= data && entry.data.data() + entry.data.size() <= data + size));
        for (const char c : entry.name) sum += static_cast<uint8_t>(c);
        for (const uint8_t byte : entry.data) sum += byte;
    }
    // Keeps the reads from being removed.
    return sum == UINT64_MAX ? 1 : 0;
}
