#include "libos/drivers/virtio_net_control.hpp"

#include <algorithm>
#include <array>

#include "libos/arch/cpu.hpp"
#include "libos/drivers/virtio_net_format.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::drivers {

namespace {
constexpr uint16_t queue_size = 8;
constexpr uint16_t most_segments = 3;
constexpr uint8_t no_answer = 0xff;
}  // namespace

Result<void> VirtioNetControl::start(virtio::Device& device, uint16_t index) {
    // SAFETY: the page is ours for good.
    if (!messages_) messages_ = direct_map(TRY(mm::page_allocator().allocate(0))).as<Message>();
    queue_ = TRY(device.start_queue(index, {.size = queue_size, .indirect_segments = most_segments, .interrupts = false}));
    queue_->disable_interrupts();
    std::fill(std::begin(under_way_), std::end(under_way_), false);
    return {};
}

Result<void> VirtioNetControl::send(Place place, uint8_t kind, uint8_t command, uint16_t pairs, size_t size) {
    Message& message = messages_[place];
    message = {{kind, command}, pairs, no_answer};
    const PhysicalAddress at = physical_of_direct_map(VirtualAddress{&message});
    // Section 5.1.6.5.6.1: devices of before version 1 want each part by itself.
    const std::array<virtio::Segment, most_segments> parts{{{at, sizeof message.kind},
                                                            {at + offsetof(Message, pairs), static_cast<uint32_t>(size)},
                                                            {at + offsetof(Message, answer), sizeof message.answer}}};
    const virtio::Segment readable[] = {parts[0], parts[1]};
    TRY(queue_->add(std::span{readable}.first(size == 0 ? 1 : 2), std::span{parts}.last(1), &message));
    under_way_[place] = true;
    queue_->kick();
    return {};
}

void VirtioNetControl::take_answers() {
    while (const auto done = queue_->take()) under_way_[static_cast<Message*>(done->token) - messages_] = false;
}

Result<void> VirtioNetControl::use_pairs(uint16_t count) {
    TRY(send(Pairs, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, count, sizeof(Message::pairs)));
    constexpr uint64_t patience = uint64_t{1} << 32;  // ticks: a second or two
    const uint64_t start = arch::cycle_counter();
    while (under_way_[Pairs]) {
        if (arch::cycle_counter() - start > patience) return Error{EIO};
        arch::relax();
        take_answers();
    }
    return virtio::load(messages_[Pairs].answer) == VIRTIO_NET_OK ? Result<void>{} : Result<void>{Error{EIO}};
}

void VirtioNetControl::acknowledge_announcement() {
    take_answers();
    if (!under_way_[Announcement]) (void)send(Announcement, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0, 0);
}

}  // namespace eremite::drivers
