#include "vmm/block/uring_engine.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "vmm/event_loop.hpp"

namespace eremite::vmm::block {

namespace {

// Of Linux 5.6: all that is said about a request may go once it is submitted, no outcome gets lost, and both rings are one piece.
constexpr uint32_t needed_features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
constexpr std::array needed_operations{IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE};

int enter(int ring, unsigned submit, unsigned wait_for) {
    return static_cast<int>(::syscall(SYS_io_uring_enter, ring, submit, wait_for, wait_for != 0 ? IORING_ENTER_GETEVENTS : 0U, nullptr, 0));
}

std::span<std::byte> map_piece(int ring, size_t bytes, uint64_t what) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, static_cast<off_t>(what));
    return at == MAP_FAILED ? std::span<std::byte>{} : std::span{static_cast<std::byte*>(at), bytes};
}

void fill(io_uring_sqe& entry, const Operation& operation) {
    switch (operation.kind) {
        case Operation::Kind::Read:
        case Operation::Kind::Write:
            entry.opcode = operation.kind == Operation::Kind::Read ? IORING_OP_READV : IORING_OP_WRITEV;
            entry.off = operation.offset;
            // SAFETY: the kernel gets the address as a number.
            entry.addr = reinterpret_cast<uintptr_t>(operation.memory.data());
            entry.len = static_cast<uint32_t>(operation.memory.size());
            entry.rw_flags = operation.kind == Operation::Kind::Write && operation.durable ? RWF_DSYNC : 0;
            break;
        case Operation::Kind::Sync:
            entry.opcode = IORING_OP_FSYNC;
            entry.fsync_flags = IORING_FSYNC_DATASYNC;
            break;
        case Operation::Kind::Punch:
        case Operation::Kind::Zero:
            entry.opcode = IORING_OP_FALLOCATE;
            entry.off = operation.offset;
            entry.addr = operation.length;
            entry.len = FALLOC_FL_KEEP_SIZE | (operation.kind == Operation::Kind::Punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
            break;
    }
}

}  // namespace

std::unique_ptr<UringEngine> UringEngine::make(int file, uint32_t depth) {
    std::unique_ptr<UringEngine> engine{new UringEngine{file}};
    engine->event_ = make_event();
    if (!engine->set_up(depth)) return nullptr;
    return engine;
}

bool UringEngine::set_up(uint32_t depth) {
    io_uring_params params{};
    ring_ = UniqueFd{static_cast<int>(::syscall(SYS_io_uring_setup, depth, &params))};
    if (!ring_ || (params.features & needed_features) != needed_features) return false;
    int event = event_.get();
    return has_operations() && map(params) && ::syscall(SYS_io_uring_register, ring_.get(), IORING_REGISTER_EVENTFD, &event, 1) == 0;
}

bool UringEngine::has_operations() const {
    constexpr unsigned most = 256;
    std::vector<std::byte> memory(sizeof(io_uring_probe) + most * sizeof(io_uring_probe_op));
    if (::syscall(SYS_io_uring_register, ring_.get(), IORING_REGISTER_PROBE, memory.data(), most) != 0) return false;
    // SAFETY: the kernel has written such a structure there, with as many entries behind it as there is room for.
    const auto& probe = *reinterpret_cast<const io_uring_probe*>(memory.data());
    return std::all_of(needed_operations.begin(), needed_operations.end(), [&](auto operation) {
        return operation <= probe.last_op && (probe.ops[operation].flags & IO_URING_OP_SUPPORTED) != 0;
    });
}

bool UringEngine::map(const io_uring_params& params) {
    const size_t submit_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    const size_t done_bytes = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
    rings_ = map_piece(ring_.get(), std::max(submit_bytes, done_bytes), IORING_OFF_SQ_RING);
    entries_ = map_piece(ring_.get(), params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
    if (rings_.empty() || entries_.empty()) return false;
    // SAFETY (of all): the kernel says where in the piece they stand.
    const auto at = [this](uint32_t offset) { return reinterpret_cast<unsigned*>(rings_.data() + offset); };
    submit_head_ = at(params.sq_off.head);
    submit_tail_ = at(params.sq_off.tail);
    done_head_ = at(params.cq_off.head);
    done_tail_ = at(params.cq_off.tail);
    submit_mask_ = *at(params.sq_off.ring_mask);
    done_mask_ = *at(params.cq_off.ring_mask);
    done_ = reinterpret_cast<io_uring_cqe*>(rings_.data() + params.cq_off.cqes);
    // Places in the ring and entries belong together once and for all.
    for (unsigned i = 0; i < params.sq_entries; ++i) at(params.sq_off.array)[i] = i;
    return true;
}

UringEngine::~UringEngine() {
    if (!rings_.empty()) ::munmap(rings_.data(), rings_.size());
    if (!entries_.empty()) ::munmap(entries_.data(), entries_.size());
}

void UringEngine::submit(uint32_t slot, const Operation& operation) {
    // SAFETY: so many entries stand there, and an entry is free again once it was submitted.
    auto& entry = reinterpret_cast<io_uring_sqe*>(entries_.data())[tail_ & submit_mask_];
    entry = {};
    entry.fd = file_;
    entry.user_data = slot;
    fill(entry, operation);
    ++tail_;
}

void UringEngine::kick() {
    __atomic_store_n(submit_tail_, tail_, __ATOMIC_RELEASE);
    for (;;) {
        const unsigned head = __atomic_load_n(submit_head_, __ATOMIC_ACQUIRE);
        if (head == tail_) return;
        const int taken = enter(ring_.get(), tail_ - head, 0);
        if (taken > 0 || (taken < 0 && errno == EINTR)) continue;
        // No memory for it: whoever asked has to know, since it may never be there.
        const int error = taken < 0 ? errno : EIO;
        for (unsigned i = head; i != tail_; ++i)
            refused_.push_back({static_cast<uint32_t>(reinterpret_cast<io_uring_sqe*>(entries_.data())[i & submit_mask_].user_data), -error});
        tail_ = head;
        __atomic_store_n(submit_tail_, tail_, __ATOMIC_RELEASE);
        return signal_event(event_.get());
    }
}

bool UringEngine::take(Outcome& outcome) {
    if (!refused_.empty()) {
        outcome = refused_.front();
        refused_.pop_front();
        return true;
    }
    const unsigned head = *done_head_;
    if (head == __atomic_load_n(done_tail_, __ATOMIC_ACQUIRE)) return false;
    const io_uring_cqe& entry = done_[head & done_mask_];
    outcome = {static_cast<uint32_t>(entry.user_data), entry.res};
    __atomic_store_n(done_head_, head + 1, __ATOMIC_RELEASE);
    return true;
}

void UringEngine::wait() {
    while (refused_.empty() && *done_head_ == __atomic_load_n(done_tail_, __ATOMIC_ACQUIRE)) (void)enter(ring_.get(), 0, 1);
}

}  // namespace eremite::vmm::block
