#include "libos/fs/ninep/file_system.hpp"

#include <linux/magic.h>

#include <algorithm>
#include <bit>

#include "libos/fs/ninep/directory.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ninep {

namespace {

constexpr size_t largest_transfer = 512 << 10;
constexpr size_t smallest_transfer = 64 << 10;

// One transfer shall not take more than a small part of the memory.
uint32_t transfer_size() {
    const size_t part = mm::page_allocator().available_pages() * page_size / 64;
    return static_cast<uint32_t>(std::bit_floor(std::clamp(part, smallest_transfer, largest_transfer)));
}

}  // namespace

uint64_t FileSystem::ByQid::key(const Node& node) { return node.qid().path; }

FileSystem::~FileSystem() {
    root_ = nullptr;
    if (reserve_) mm::page_allocator().free(physical_of_direct_map(VirtualAddress{reserve_}), 0);
}

Result<Ref<Inode>> FileSystem::start() {
    TRY(client_.start(transfer_size()));
    reserve_ = direct_map(TRY(mm::page_allocator().allocate(0))).as<uint8_t>();
    Client::Walked walked = TRY(client_.attach({}));
    if (walked.qid.type & Qid::directory) {
        Ref<Directory> root = TRY(make_ref<Directory>(*this, walked.qid));
        root_ = walked.fid;
        root->become_root(std::move(walked.fid));
        const sync::Guard guard{lock_};
        insert(*root);
        return Ref<Inode>{std::move(root)};
    }
    return Error{ENOTDIR};
}

Result<FileSystemStatus> FileSystem::status() {
    const StatFs::Reply reply = TRY(client_.call(StatFs{root_->number()}));
    FileSystemStatus status;
    status.magic = V9FS_MAGIC;
    status.block_size = reply.block_size;
    status.blocks = reply.blocks;
    status.free_blocks = reply.available_blocks;
    status.files = reply.files;
    status.free_files = reply.free_files;
    status.name_maximum = std::min(reply.name_length, 255u);
    status.identifier = device();
    return status;
}

Ref<Node> FileSystem::find(const Qid& qid, std::optional<FileType> type) {
    Node* node = nodes_.root();
    while (node && node->qid().path != qid.path) node = qid.path < node->qid().path ? nodes_.left(*node) : nodes_.right(*node);
    if (!node) return nullptr;
    const bool same = node->qid().type == qid.type && (!type || node->type() == *type);
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
    const size_t pages = std::clamp<size_t>((wanted + page_size - 1) / page_size, 1, file_system.client_.io_unit() / page_size);
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
    if (memory_ == file_system_.reserve_) file_system_.reserve_lock_.unlock();
    else mm::page_allocator().free(physical_of_direct_map(VirtualAddress{memory_}), order_);
}

}  // namespace eremite::fs::ninep
