#pragma once
// What all sockets have in common, of whatever family (socket(7)).
#include <sys/socket.h>

#include <atomic>
#include <span>

#include "base/time.hpp"
#include "base/vector.hpp"
#include "libos/fs/file.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/socket/control.hpp"

namespace eremite::socket {

// What goes along with a message: open files (SCM_RIGHTS).
using Files = Vector<Ref<fs::File>>;

// One send or receive.
struct Message {
    fs::IoBuffer& data;
    int flags = 0;         // MSG_*, as the program gave them
    Files files{};         // sent or received
    int result_flags = 0;  // MSG_*, as receive() found them
    std::span<const uint8_t> to{};  // an address to send to; empty: none was given
    // Room for the sender's address, and the size that it has, which may be more.
    std::span<uint8_t> from{};
    size_t from_size = 0;
    // What the program gave, or what it shall get; null: it neither gave nor wants anything.
    ControlItems* control = nullptr;
    bool credentials = false;  // of the sender shall go along (SCM_CREDENTIALS)
};

class Socket : public fs::File {
public:
    Socket(int domain, int type, uint32_t flags);
    // Null when `file` is something else.
    [[nodiscard]] static Socket* of(fs::File& file) { return file.kind() == fs::FileKind::Socket ? static_cast<Socket*>(&file) : nullptr; }

    // Addresses are those of sockaddr(3type), as the program wrote them.
    [[nodiscard]] virtual Result<void> bind(std::span<const uint8_t>) { return Error{EINVAL}; }
    [[nodiscard]] virtual Result<void> connect(std::span<const uint8_t>) { return Error{EISCONN}; }
    [[nodiscard]] virtual Result<void> listen(int /*backlog*/) { return Error{EOPNOTSUPP}; }
    // `flags`: O_NONBLOCK for the new one.
    [[nodiscard]] virtual Result<Ref<Socket>> accept(uint32_t /*flags*/, bool /*may_wait*/) { return Error{EOPNOTSUPP}; }
    [[nodiscard]] virtual bool listening() const { return false; }
    [[nodiscard]] virtual Result<size_t> send(Message& message) = 0;
    [[nodiscard]] virtual Result<size_t> receive(Message& message) = 0;
    // `how`: SHUT_*
    [[nodiscard]] virtual Result<void> shutdown(int how) = 0;
    // A pending error, which is forgotten (SO_ERROR).
    [[nodiscard]] virtual int take_error() = 0;
    // Writes the socket's own or its peer's address, as much as fits; returns its size.
    [[nodiscard]] virtual Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) = 0;

    // Options that not every socket has; writes as much of the value as fits and returns how much that is. ENOPROTOOPT.
    [[nodiscard]] virtual Result<size_t> option(int /*level*/, int /*name*/, std::span<uint8_t>) { return Error{ENOPROTOOPT}; }
    [[nodiscard]] virtual Result<void> set_option(int /*level*/, int /*name*/, std::span<const uint8_t>) { return Error{ENOPROTOOPT}; }

    [[nodiscard]] int domain() const { return domain_; }
    [[nodiscard]] int type() const { return type_; }
    [[nodiscard]] virtual int protocol() const { return 0; }
    // What /proc/net and fstat(2) know it by.
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Socket; }
    [[nodiscard]] Result<fs::Attributes> attributes() override;
    size_t describe(char* path, size_t size) override;
    // FIONREAD, TIOCOUTQ, SIOCATMARK, and what netdevice(7) tells of interfaces.
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) final;
    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        Message message{buffer};
        return receive(message);
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer& buffer) override {
        Message message{buffer};
        return send(message);
    }

    // After a change of send_buffer or receive_buffer.
    virtual void buffers_changed() {}
    // Options that every socket has (socket(7)). Timeouts: 0 is none.
    static constexpr uint32_t default_buffer = 212'992;
    std::atomic<uint32_t> send_buffer{default_buffer}, receive_buffer{default_buffer};
    std::atomic<bool> send_buffer_set{false}, receive_buffer_set{false};  // by the program
    std::atomic<int64_t> send_timeout{0}, receive_timeout{0};
    // Remembered for those who ask, where a family makes no use of them: bit SO_REUSEADDR and so on, SO_LINGER, numbers.
    std::atomic<uint32_t> switches{0};
    std::atomic<uint64_t> linger_setting{0};
    std::atomic<int> priority{0}, mark{0};

protected:
    // Bytes that can be read at once, or that were sent and have not arrived. ENOTTY: this kind of socket does not tell.
    [[nodiscard]] virtual Result<size_t> queued(bool /*outgoing*/) { return Error{ENOTTY}; }
    // Whether the next byte of a stream is the urgent one (SIOCATMARK). ENOTTY: as above.
    [[nodiscard]] virtual Result<bool> at_mark() { return Error{ENOTTY}; }
    // When a wait that begins now ends.
    [[nodiscard]] static Instant deadline(int64_t timeout);
    [[nodiscard]] bool waits(const Message& message) const { return !nonblocking() && (message.flags & MSG_DONTWAIT) == 0; }
    // What a wait that has ended means. EAGAIN: the time is up; EINTR and its like.
    [[nodiscard]] static Result<void> outcome(sched::Wakeup why, Instant deadline);

private:
    const int domain_, type_;
    const uint64_t number_;
};

}  // namespace eremite::socket
