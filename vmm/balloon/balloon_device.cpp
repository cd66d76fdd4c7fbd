#include "vmm/balloon/balloon_device.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace eremite::vmm::balloon {

namespace {

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
// Others want the lock, and a driver may ask without an end.
constexpr unsigned requests_at_once = 16;

}  // namespace

BalloonDevice::BalloonDevice(virtio::Host& host, const GuestMemory& memory, std::string name)
    : host_{host}, memory_{memory}, name_{std::move(name)}, again_{make_event()} {
    host_.loop().add_event(again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        for (uint16_t queue = 0; queue < queue_count; ++queue) notified(queue);
    });
}

BalloonDevice::~BalloonDevice() { host_.loop().remove(again_.get()); }

void BalloonDevice::set_target(uint64_t pages) {
    const std::lock_guard guard{host_.lock()};
    configuration_.num_pages = static_cast<uint32_t>(std::min({pages, memory_.size() / page, uint64_t{UINT32_MAX}}));
    host_.configuration_changed();
}

uint32_t BalloonDevice::given() const {
    const std::lock_guard guard{host_.lock()};
    return configuration_.actual;
}

uint64_t BalloonDevice::features() const { return bit(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) | bit(VIRTIO_BALLOON_F_REPORTING); }

void BalloonDevice::read_configuration(uint32_t offset, std::span<std::byte> to) const { virtio::read_structure(configuration_, offset, to); }

// Section 5.5.4: the driver writes how many pages it gave up, and nothing else.
void BalloonDevice::write_configuration(uint32_t offset, std::span<const std::byte> from) {
    if (offset == offsetof(virtio_balloon_config, actual) && from.size() == sizeof configuration_.actual)
        std::memcpy(&configuration_.actual, from.data(), from.size());
}

void BalloonDevice::start(uint64_t, std::span<virtio::Queue* const> queues) { std::copy(queues.begin(), queues.end(), queues_.begin()); }

void BalloonDevice::stop() {
    queues_ = {};
    // A driver that begins again has all its pages.
    configuration_.actual = 0;
}

void BalloonDevice::notified(uint16_t index) {
    virtio::Queue* const queue = queues_[index];
    if (!queue) return;
    unsigned left = requests_at_once;
    do {
        while (left > 0 && queue->pop(chain_)) {
            --left;
            if (const char* const wrong = handle(index)) {
                queues_ = {};
                return host_.needs_reset(wrong);
            }
            queue->push(chain_.head, 0);
        }
    } while (left > 0 && queue->enable_notifications());
    if (left == 0) signal_event(again_.get());
    queue->flush();
    if (queue->broken()) host_.needs_reset("a queue is broken");
}

const char* BalloonDevice::handle(uint16_t queue) {
    if (queue != reporting_queue) return take_pages(queue == inflate_queue);
    // Section 5.5.6.7: the memory of the request is what is free.
    for (const iovec& piece : chain_.writable) give_back({static_cast<std::byte*>(piece.iov_base), piece.iov_len});
    return nullptr;
}

// Section 5.5.6: a request has numbers of pages. Those that follow each other go together.
const char* BalloonDevice::take_pages(bool inflate) {
    if (chain_.readable_bytes % sizeof(uint32_t) != 0 || chain_.readable_bytes / sizeof(uint32_t) > most_pages) return "a request for pages has a wrong length";
    std::span<std::byte> run;
    std::array<uint32_t, 256> numbers;
    for (size_t at = 0; at < chain_.readable_bytes;) {
        const size_t bytes = virtio::copy_from(chain_.readable, at, std::as_writable_bytes(std::span{numbers}));
        at += bytes;
        for (const uint32_t number : std::span{numbers}.first(bytes / sizeof(uint32_t))) {
            const std::span<std::byte> next = memory_.piece(uint64_t{number} * page, page);
            if (next.empty()) return "a page of the balloon is not in memory";
            if (run.data() + run.size() == next.data()) {
                run = {run.data(), run.size() + next.size()};
                continue;
            }
            if (inflate) give_back(run);
            run = next;
        }
    }
    if (inflate) give_back(run);
    return nullptr;
}

// The whole pages in there, which read as zeros afterwards; of a host's pool the huge ones, where that can (Linux 5.18).
void BalloonDevice::give_back(std::span<std::byte> bytes) {
    if (bytes.empty()) return;
    const std::byte* const start = memory_.regions().front().bytes.data();
    // The mapping begins at a page, so that offsets tell where pages do.
    const auto at = static_cast<uint64_t>(bytes.data() - start);
    const uint64_t skipped = (page - at % page) % page;
    if (bytes.size() < skipped + page) return;
    const uint64_t length = (bytes.size() - skipped) / page * page;
    if (::madvise(bytes.data() + skipped, length, MADV_DONTNEED) == 0) return;
    if (std::exchange(last_error_, errno) != errno)
        std::fprintf(stderr, "cell: %s: the host cannot take memory back: %s\n", name_.c_str(), std::strerror(errno));
}

}  // namespace eremite::vmm::balloon
