#include "libos/fs/remote/file_system.hpp"

#include <algorithm>
#include <bit>

#include "libos/fs/remote/node.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::remote {

uint64_t FileSystem::ByNumber::key(const Node& node) { return node.identity().number; }

FileSystem::~FileSystem() {
    if (reserve_) mm::page_allocator().free(physical_of_direct_map(VirtualAddress{reserve_}), 0);
}

uint32_t FileSystem::transfer_size(size_t most) {
    constexpr size_t least = 64 << 10;
    const size_t part = mm::page_allocator().available_pages() * page_size / 64;
    return static_cast<uint32_t>(std::bit_floor(std::clamp(part, least, most)));
}

Result<void> FileSystem::prepare(uint32_t io_unit, size_t most_segments) {
    // Such inodes take about a kilobyte: up to an eighth of the memory.
    constexpr size_t pages_per_name = 2;
    TRY(names_.prepare(cached_ ? mm::page_allocator().available_pages() / pages_per_name : 0));
    reserve_ = direct_map(TRY(mm::page_allocator().allocate(0))).as<uint8_t>();
    io_unit_ = io_unit;
    most_segments_ = most_segments;
    return {};
}

void FileSystem::unmounted() {
    for (bool more = true; more;) {
        Ref<Node> last;  // let go behind the lock
        const sync::Guard guard{lock_};
        names_.close();
        last = names_.give_up();
        more = static_cast<bool>(last);
    }
}

Ref<Node> FileSystem::find(const Identity& identity, std::optional<FileType> type) {
    Node* node = nodes_.root();
    while (node && node->identity().number != identity.number)
        node = identity.number < node->identity().number ? nodes_.left(*node) : nodes_.right(*node);
    if (!node) return nullptr;
    const bool same = node->identity() == identity && (!type || node->type() == *type);
    Ref<Node> found = same ? Ref<Node>::share_if_alive(node) : nullptr;
    if (!found) nodes_.remove(*node);
    return found;
}

void FileSystem::insert(Node& node) { nodes_.insert(node); }

void FileSystem::remove(Node& node) {
    if (static_cast<TreeNode<ByIdentity>&>(node).linked()) nodes_.remove(node);
}

TransferBuffer::TransferBuffer(FileSystem& file_system, size_t wanted) : file_system_{file_system} {
    mm::PageAllocator& allocator = mm::page_allocator();
    const size_t pages = std::clamp<size_t>((wanted + page_size - 1) / page_size, 1, file_system.io_unit() / page_size);
    // Large ones only as long as there is plenty.
    for (order_ = static_cast<unsigned>(std::bit_width(pages - 1)); order_ > 0; --order_) {
        if (uint64_t{16} << order_ > allocator.available_pages()) continue;
        if (const auto block = allocator.allocate(order_); block.ok()) {
            memory_ = direct_map(block.value()).as<uint8_t>();
            size_ = std::min(page_size << order_, pages * page_size);
            return;
        }
    }
    size_ = page_size;
    if (const auto page = allocator.allocate(0); page.ok()) {
        memory_ = direct_map(page.value()).as<uint8_t>();
        return;
    }
    file_system_.reserve_lock_.lock();
    memory_ = file_system_.reserve_;
}

TransferBuffer::~TransferBuffer() {
    if (is_last()) file_system_.reserve_lock_.unlock();
    else mm::page_allocator().free(physical_of_direct_map(VirtualAddress{memory_}), order_);
}

}  // namespace eremite::fs::remote
