#include "vmm/block/io_engine.hpp"

#include "vmm/block/thread_engine.hpp"
#include "vmm/block/uring_engine.hpp"

namespace eremite::vmm::block {

std::unique_ptr<IoEngine> make_io_engine(int file, uint32_t depth) {
    if (auto uring = UringEngine::make(file, depth)) return uring;
    return std::make_unique<ThreadEngine>(file);
}

}  // namespace eremite::vmm::block
