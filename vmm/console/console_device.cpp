#include "vmm/console/console_device.hpp"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"

namespace eremite::vmm::console {

namespace {

// Others want the lock: then it goes on with the next turn of the loop.
constexpr unsigned pieces_at_once = 64;
constexpr size_t piece_bytes = 65536;

void make_nonblocking(const UniqueFd& file, const std::string& name) {
    const int flags = ::fcntl(file.get(), F_GETFL);
    if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK) != 0) throw system_error(name);
}

// Files and some devices cannot be waited for, since they never keep anybody waiting.
bool can_be_watched(const UniqueFd& file) {
    const UniqueFd probe{::epoll_create1(EPOLL_CLOEXEC)};
    if (!probe) throw system_error("epoll_create1");
    epoll_event event{};
    return ::epoll_ctl(probe.get(), EPOLL_CTL_ADD, file.get(), &event) == 0 || errno != EPERM;
}

}  // namespace

ConsoleDevice::ConsoleDevice(virtio::Host& host, std::string name, UniqueFd output, UniqueFd input)
    : host_{host}, name_{std::move(name)}, output_{.file = std::move(output)}, input_{.file = std::move(input)}, again_{make_event()} {
    watch(output_, EPOLLOUT);
    watch(input_, EPOLLIN);
    host_.loop().add_event(again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        work();
    });
}

ConsoleDevice::~ConsoleDevice() {
    host_.loop().remove(again_.get());
    if (output_.watched) host_.loop().remove(output_.file.get());
    if (input_.watched) host_.loop().remove(input_.file.get());
}

void ConsoleDevice::watch(End& end, uint32_t events) {
    if (!end.file) return;
    make_nonblocking(end.file, name_);
    if (!can_be_watched(end.file)) return;
    end.watched = true;
    // At the edge: a descriptor that is ready all the time, or whose other side is gone, does not call again and again.
    host_.loop().add(end.file.get(), events | EPOLLET, [this, &end](uint32_t) {
        const std::lock_guard guard{host_.lock()};
        end.waits = false;
        work();
    });
}

void ConsoleDevice::close(End& end, const char* what, int error) {
    if (error != 0) std::fprintf(stderr, "cell: %s: its %s is closed: %s\n", name_.c_str(), what, std::strerror(error));
    if (std::exchange(end.watched, false)) host_.loop().remove(end.file.get());
    end.file.reset();
}

void ConsoleDevice::start(uint64_t, std::span<virtio::Queue* const> queues) { std::copy(queues.begin(), queues.end(), queues_.begin()); }

void ConsoleDevice::stop() {
    // What the machine handed over before it ended is not lost, unless whoever reads it is slow.
    (void)transmit();
    queues_ = {};
    sends_ = false;
    skipped_ = 0;
}

void ConsoleDevice::save(StateWriter& state) const { state.add<uint64_t>(sends_ ? sent_ : skipped_); }
void ConsoleDevice::restore(StateReader& state) { skipped_ = state.take<uint64_t>(); }

void ConsoleDevice::notified(uint16_t) { work(); }

void ConsoleDevice::work() {
    const bool more_to_send = transmit(), more_to_receive = receive();
    if (more_to_send || more_to_receive) signal_event(again_.get());
    for (virtio::Queue* const queue : queues_) {
        if (!queue) continue;
        queue->flush();
        if (queue->broken()) host_.needs_reset("a queue is broken");
    }
}

bool ConsoleDevice::transmit() {
    virtio::Queue* const queue = queues_[transmit_queue];
    if (!queue) return false;
    for (unsigned left = pieces_at_once; left > 0; --left) {
        if (!sends_) {
            if (!queue->pop(sending_) && !(queue->enable_notifications() && queue->pop(sending_))) return false;
            sends_ = true;
            sent_ = std::min(std::exchange(skipped_, 0), sending_.readable_bytes);
        }
        if (!write_some()) return false;
        if (sent_ < sending_.readable_bytes) continue;
        queue->push(sending_.head, 0);
        sends_ = false;
    }
    return true;
}

bool ConsoleDevice::write_some() {
    if (output_.waits) return false;
    if (!output_.file) {
        sent_ = sending_.readable_bytes;
        return true;
    }
    size_t skip = sent_;
    for (const iovec& piece : sending_.readable) {
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        const ssize_t count = ::write(output_.file.get(), static_cast<const std::byte*>(piece.iov_base) + skip, std::min(piece.iov_len - skip, piece_bytes));
        if (count > 0) {
            sent_ += static_cast<size_t>(count);
        } else if (count == 0) {
            close(output_, "output", EIO);  // which nothing is known to do, and would not end
        } else if (errno == EAGAIN && output_.watched) {
            output_.waits = true;
            return false;
        } else if (errno != EINTR) {
            close(output_, "output", errno);
        }
        return true;
    }
    return true;
}

bool ConsoleDevice::receive() {
    virtio::Queue* const queue = queues_[receive_queue];
    if (!queue) return false;
    for (unsigned left = pieces_at_once; left > 0; --left) {
        if (!input_.file || input_.waits) return false;
        if (!queue->pop(receiving_) && !(queue->enable_notifications() && queue->pop(receiving_))) return false;
        ssize_t count = 0;
        if (!receiving_.writable.empty()) {
            const iovec& first = receiving_.writable.front();
            count = ::read(input_.file.get(), first.iov_base, std::min(first.iov_len, piece_bytes));
            const int error = count < 0 ? errno : 0;
            if (count <= 0) {
                queue->unpop();
                if (error == EAGAIN && input_.watched) input_.waits = true;
                else if (error != EINTR) close(input_, "input", error);
                continue;
            }
        }
        queue->push(receiving_.head, static_cast<uint32_t>(count));
    }
    return true;
}

}  // namespace eremite::vmm::console
