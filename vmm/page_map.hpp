#pragma once
// Which pages of this process the host has given memory for (proc(5), pagemap).
#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/unique_fd.hpp"

namespace eremite::vmm {

class PageMap {
public:
    static constexpr uint64_t page = 4096;

    // Until then it knows nothing, and where there is no proc(5). To be called when the process has given up its capabilities, for whoever has it opened
    // as root is told where in the host's memory pages are; and before paths are out of reach.
    void open();

    struct Run {
        uint64_t offset = 0, size = 0;  // bytes; of size 0: nothing
    };
    // The first pages that follow each other in memory or in swap space, at or behind `offset`, which is a multiple of a page; not all of them if they
    // are many. Where nothing is known, all that is left.
    [[nodiscard]] Run next(std::span<const std::byte> memory, uint64_t offset) const;
    // How many bytes are in memory; 0 where nothing is known.
    [[nodiscard]] uint64_t resident(std::span<const std::byte> memory) const;

private:
    // The entries of the pages from `offset` on, as many as there is room for. Empty: nothing is known.
    [[nodiscard]] std::span<const uint64_t> read(std::span<const std::byte> memory, uint64_t offset, std::span<uint64_t> room) const;

    UniqueFd file_;
};

}  // namespace eremite::vmm
