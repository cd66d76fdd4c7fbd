#include "vmm/vsock/connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace eremite::vmm::vsock {

namespace {

// Of a guest's packet, in one call: as many as the kernel takes.
constexpr size_t most_pieces = 1024;

size_t total(std::span<const iovec> pieces) {
    size_t bytes = 0;
    for (const iovec& piece : pieces) bytes += piece.iov_len;
    return bytes;
}

std::optional<uint32_t> port_of(std::string_view line) {
    constexpr std::string_view word = "CONNECT ";
    if (!line.starts_with(word)) return std::nullopt;
    line.remove_prefix(word.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    uint32_t port = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
    if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
    return port;
}

}  // namespace

std::optional<uint32_t> Connection::read_greeting(Outcome& outcome) {
    outcome = Outcome::Failed;
    // One byte at a time: what comes behind the line is the guest's.
    while (greeting_size_ < greeting_.size()) {
        char& next = greeting_[greeting_size_];
        const ssize_t count = ::read(file.get(), &next, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            if (count < 0 && errno == EAGAIN) outcome = Outcome::Blocked;
            return std::nullopt;
        }
        if (next != '\n') {
            ++greeting_size_;
            continue;
        }
        const auto port = port_of({greeting_.data(), greeting_size_});
        if (port) outcome = Outcome::Done;
        return port;
    }
    return std::nullopt;
}

Connection::Outcome Connection::read(std::span<const iovec> pieces, size_t& count) {
    for (;;) {
        const ssize_t got = ::readv(file.get(), pieces.data(), static_cast<int>(std::min(pieces.size(), most_pieces)));
        if (got > 0) {
            count = static_cast<size_t>(got);
            return Outcome::Done;
        }
        if (got == 0) return Outcome::Ended;
        if (errno == EAGAIN) return Outcome::Blocked;
        if (errno != EINTR) return Outcome::Failed;
    }
}

void Connection::took(size_t bytes) {
    if (credit.take(static_cast<uint32_t>(bytes))) needs |= credit_update;
}

Connection::Outcome Connection::write(std::span<const iovec> pieces) {
    const size_t size = total(pieces);
    if (output_gone_) {
        took(size);
        return Outcome::Done;
    }
    size_t done = 0;
    if (flushed() && writable) {
        ssize_t count = 0;
        do count = ::writev(file.get(), pieces.data(), static_cast<int>(std::min(pieces.size(), most_pieces)));
        while (count < 0 && errno == EINTR);
        if (count < 0 && errno != EAGAIN) {
            // All of it is for nobody.
            took(size);
            return Outcome::Failed;
        }
        done = static_cast<size_t>(std::max<ssize_t>(count, 0));
        took(done);
        if (done < size) writable = false;
    }
    // Not more than twice what the credit allows.
    if (kept_done_ >= buffer_bytes) {
        kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_done_));
        kept_done_ = 0;
    }
    for (const iovec& piece : pieces) {
        const size_t skip = std::min(done, piece.iov_len);
        done -= skip;
        const auto* const bytes = static_cast<const std::byte*>(piece.iov_base);
        kept_.insert(kept_.end(), bytes + skip, bytes + piece.iov_len);
    }
    return Outcome::Done;
}

Connection::Outcome Connection::flush() {
    while (!flushed()) {
        const ssize_t count = ::write(file.get(), kept_.data() + kept_done_, kept_.size() - kept_done_);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) {
            writable = false;
            return Outcome::Blocked;
        }
        if (count <= 0) return Outcome::Failed;
        kept_done_ += static_cast<size_t>(count);
        took(static_cast<size_t>(count));
    }
    kept_ = {};
    kept_done_ = 0;
    if (finishes_) (void)::shutdown(file.get(), SHUT_WR);
    return Outcome::Done;
}

void Connection::finish_output() {
    finishes_ = true;
    if (flushed() && !output_gone_) (void)::shutdown(file.get(), SHUT_WR);
}

void Connection::drop_output() {
    output_gone_ = true;
    took(kept_.size() - kept_done_);
    kept_ = {};
    kept_done_ = 0;
}

Connection::Outcome Connection::say(std::string_view text) {
    const iovec piece{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    // These are not the guest's bytes: its credit does not count them. A socket that has nothing in it yet takes them all.
    ssize_t count = 0;
    do count = ::writev(file.get(), &piece, 1);
    while (count < 0 && errno == EINTR);
    return count == static_cast<ssize_t>(text.size()) ? Outcome::Done : Outcome::Failed;
}

}  // namespace eremite::vmm::vsock
