// Sending and receiving: data, and what goes along with it (send(2), recv(2), cmsg(3)).
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/file_vectors.hpp"
#include "libos/syscall/process.hpp"
#include "libos/syscall/socket.hpp"
#include "libos/syscall/timespec.hpp"

namespace eremite::syscall {

namespace {

constexpr size_t most_files = 253;  // SCM_MAX_FD of unix(7)
constexpr size_t most_control = 20'480;

// The kernel's struct msghdr; its unused bytes are the program's.
struct Header {
    uint64_t name;
    uint32_t name_length, unused;
    uint64_t vectors, vector_count;
    uint64_t control, control_length;
    uint32_t flags, unused_too;
};
static_assert(sizeof(Header) == sizeof(msghdr));

struct ControlHeader {
    uint64_t length;
    int level, type;
};
static_assert(sizeof(ControlHeader) == sizeof(cmsghdr));

Result<void> take_files(VirtualAddress list, size_t bytes, socket::Files& files) {
    const size_t count = bytes / sizeof(int);
    if (count > most_files - files.size()) return Error{EINVAL};
    TRY(files.reserve(files.size() + count));
    for (size_t i = 0; i < count; ++i) {
        const int descriptor = TRY((mm::UserPtr<int>{list} + i).load());
        TRY(files.push_back(TRY(get_file_or_path(descriptor))));
    }
    return {};
}

// Who sends is always the one process that there is.
Result<void> check_credentials(VirtualAddress address, size_t bytes) {
    struct Credentials {
        int process, user, group;
    };
    if (bytes != sizeof(Credentials)) return Error{EINVAL};
    const auto c = TRY(mm::UserPtr<Credentials>{address}.load());
    if (c.process != process_id) return Error{EPERM};
    return {};
}

Result<void> take_item(const ControlHeader& control, VirtualAddress value, socket::ControlItems& items) {
    uint8_t bytes[64];
    const size_t size = control.length - sizeof control;
    if (size > sizeof bytes) return Error{EINVAL};
    TRY(mm::copy_from_user(bytes, value, size));
    return items.add(control.level, control.type, std::span{bytes}.first(size)) ? Result<void>{} : Result<void>{Error{ENOBUFS}};
}

Result<void> read_control(const Header& header, socket::Files& files, socket::ControlItems& items) {
    if (header.control_length > most_control) return Error{ENOBUFS};
    for (uint64_t at = 0; at + sizeof(ControlHeader) <= header.control_length;) {
        const VirtualAddress address{header.control + at};
        const auto control = TRY(mm::UserPtr<ControlHeader>{address}.load());
        if (control.length < sizeof control || control.length > header.control_length - at) return Error{EINVAL};
        const size_t bytes = control.length - sizeof control;
        if (control.level != SOL_SOCKET) TRY(take_item(control, address + sizeof control, items));
        else if (control.type == SCM_RIGHTS) TRY(take_files(address + sizeof control, bytes, files));
        else if (control.type == SCM_CREDENTIALS) TRY(check_credentials(address + sizeof control, bytes));
        else return Error{EINVAL};
        at += align_up(control.length, sizeof(uint64_t));
    }
    return {};
}

// The control buffer of a receiver, as it fills.
class ControlWriter {
public:
    explicit ControlWriter(const Header& header) : start_{header.control}, room_{header.control_length} {}
    [[nodiscard]] uint64_t used() const { return used_; }
    // What fits into the data of an item that comes next.
    [[nodiscard]] size_t fits() const { return room_ - used_ < sizeof(ControlHeader) ? 0 : room_ - used_ - sizeof(ControlHeader); }
    [[nodiscard]] VirtualAddress data() const { return VirtualAddress{start_ + used_ + sizeof(ControlHeader)}; }
    // Notes the header of the item whose data stand at data() already.
    [[nodiscard]] Result<void> finish(int level, int type, size_t size) {
        const ControlHeader control{sizeof(ControlHeader) + size, level, type};
        TRY(mm::UserPtr<ControlHeader>{VirtualAddress{start_ + used_}}.store(control));
        used_ += std::min<uint64_t>(align_up(control.length, sizeof(uint64_t)), room_ - used_);
        return {};
    }
    // As much of the item as fits. False: that is not all.
    [[nodiscard]] Result<bool> put(int level, int type, std::span<const uint8_t> value) {
        if (room_ - used_ < sizeof(ControlHeader)) return false;
        const size_t size = std::min(fits(), value.size());
        TRY(mm::copy_to_user(data(), value.data(), size));
        TRY(finish(level, type, size));
        return size == value.size();
    }

private:
    uint64_t start_, room_, used_ = 0;
};

// Gives the received files descriptors, as many as there is room for.
Result<bool> write_files(ControlWriter& writer, socket::Message& message) {
    const size_t fit = std::min(message.files.size(), writer.fits() / sizeof(int));
    fs::FileTable& table = process::current().files();
    size_t stored = 0;
    while (stored < fit) {
        const auto descriptor = table.add(message.files[stored], (message.flags & MSG_CMSG_CLOEXEC) != 0);
        if (!descriptor.ok()) break;
        if (!(mm::UserPtr<int>{writer.data()} + stored).store(descriptor.value()).ok()) {
            TRY(table.close(descriptor.value()));
            break;
        }
        ++stored;
    }
    if (stored != 0) TRY(writer.finish(SOL_SOCKET, SCM_RIGHTS, stored * sizeof(int)));
    return stored == message.files.size();
}

// Notes in the control buffer what came along.
Result<void> write_control(Header& header, socket::Message& message) {
    ControlWriter writer{header};
    bool complete = true;
    Result<void> failed;
    const auto put = [&](int level, int type, std::span<const uint8_t> value) {
        const auto whole = writer.put(level, type, value);
        if (!whole.ok()) failed = whole.error();
        else complete = complete && whole.value();
    };
    message.control->for_each([&](const socket::ControlItems::Item& item, std::span<const uint8_t> value) { put(item.level, item.type, value); });
    if (message.credentials) {
        constexpr int credentials[3] = {static_cast<int>(process_id), 0, 0};
        // SAFETY: integers may be looked at as bytes.
        put(SOL_SOCKET, SCM_CREDENTIALS, {reinterpret_cast<const uint8_t*>(credentials), sizeof credentials});
    }
    TRY(std::move(failed));
    if (!message.files.empty()) complete = TRY(write_files(writer, message)) && complete;
    if (!complete) message.result_flags |= MSG_CTRUNC;
    header.control_length = writer.used();
    return {};
}

Result<long> send(const SocketReference& socket, socket::Message& message) { return static_cast<long>(TRY(socket->send(message))); }

struct Sent {
    size_t size;
    bool all;
};

Result<Sent> send_message(const SocketReference& socket, VirtualAddress address, int flags) {
    const Header header = TRY(mm::UserPtr<Header>{address}.load());
    if (header.vector_count > UIO_MAXIOV) return Error{EMSGSIZE};
    AddressArgument destination;
    if (header.name != 0 && header.name_length != 0) TRY(destination.load(VirtualAddress{header.name}, static_cast<int>(header.name_length)));
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(VirtualAddress{header.vectors}, static_cast<long>(header.vector_count)));
    socket::Message message{io, flags};
    message.to = destination.bytes();
    socket::ControlItems items;
    TRY(read_control(header, message.files, items));
    message.control = &items;
    const size_t sent = TRY(socket->send(message));
    return Sent{sent, io.remaining() == 0};
}

Result<size_t> receive_message(const SocketReference& socket, VirtualAddress address, int flags) {
    Header header = TRY(mm::UserPtr<Header>{address}.load());
    if (header.vector_count > UIO_MAXIOV) return Error{EMSGSIZE};
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(VirtualAddress{header.vectors}, static_cast<long>(header.vector_count)));
    socket::Message message{io, flags};
    std::array<uint8_t, sizeof(sockaddr_storage)> from;
    message.from = from;
    socket::ControlItems items;
    message.control = &items;
    const size_t received = TRY(socket->receive(message));
    TRY(write_control(header, message));
    if (header.name != 0) {
        TRY(mm::copy_to_user(VirtualAddress{header.name}, from.data(), std::min<size_t>(message.from_size, header.name_length)));
        header.name_length = static_cast<uint32_t>(message.from_size);
    }
    header.flags = static_cast<uint32_t>(message.result_flags | (flags & MSG_CMSG_CLOEXEC));
    TRY(mm::UserPtr<Header>{address}.store(header));
    return received;
}

// The kernel's struct mmsghdr.
struct ListedMessage {
    Header header;
    uint32_t size, unused;
};

// Calls transfer(address of one) for each of the messages until it fails or says that it was the last; returns how many were
// transferred. The error counts only if there were none: it comes again, or what caused it is over.
template <typename Transfer>
Result<long> transfer_list(VirtualAddress list, uint32_t count, Transfer&& transfer) {
    count = std::min<uint32_t>(count, UIO_MAXIOV);
    long done = 0;
    for (bool last = false; done < count && !last; ++done) {
        const VirtualAddress address = list + static_cast<uint64_t>(done) * sizeof(ListedMessage);
        const auto size = transfer(address, last);
        const auto noted = size.ok() ? mm::UserPtr<uint32_t>{address + offsetof(ListedMessage, size)}.store(static_cast<uint32_t>(size.value()))
                                     : Result<void>{size.error()};
        if (!noted.ok()) return done != 0 ? Result<long>{done} : noted.error();
    }
    return done;
}

}  // namespace

Result<long> sys_sendto(int descriptor, VirtualAddress data, size_t size, int flags, VirtualAddress address, int length) {
    if (!in_user_space(data, size)) return Error{EFAULT};
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    AddressArgument destination;
    if (address.value != 0 && length != 0) TRY(destination.load(address, length));
    fs::IoBuffer io = fs::IoBuffer::user(data, std::min(size, transfer_maximum));
    socket::Message message{io, flags};
    message.to = destination.bytes();
    return send(socket, message);
}

Result<long> sys_recvfrom(int descriptor, VirtualAddress data, size_t size, int flags, VirtualAddress address, VirtualAddress length) {
    if (!in_user_space(data, size)) return Error{EFAULT};
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    fs::IoBuffer io = fs::IoBuffer::user(data, std::min(size, transfer_maximum));
    socket::Message message{io, flags};
    std::array<uint8_t, sizeof(sockaddr_storage)> from;
    message.from = from;
    const size_t received = TRY(socket->receive(message));
    if (address.value != 0) TRY(store_address(from, message.from_size, address, length));
    return static_cast<long>(received);
}

Result<long> sys_sendmsg(int descriptor, VirtualAddress address, int flags) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    return static_cast<long>(TRY(send_message(socket, address, flags)).size);
}

Result<long> sys_recvmsg(int descriptor, VirtualAddress address, int flags) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    return static_cast<long>(TRY(receive_message(socket, address, flags)));
}

Result<long> sys_sendmmsg(int descriptor, VirtualAddress list, uint32_t count, int flags) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    return transfer_list(list, count, [&](VirtualAddress address, bool& last) -> Result<size_t> {
        const Sent sent = TRY(send_message(socket, address, flags));
        last = !sent.all;
        return sent.size;
    });
}

Result<long> sys_recvmmsg(int descriptor, VirtualAddress list, uint32_t count, int flags, VirtualAddress timeout) {
    const Instant deadline = TRY(deadline_of(timeout));
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    if (const int error = socket->take_error()) return Error{error};
    const int each = flags & ~MSG_WAITFORONE;
    int waiting = 0;
    const long received = TRY(transfer_list(list, count, [&](VirtualAddress address, bool& last) -> Result<size_t> {
        const size_t size = TRY(receive_message(socket, address, each | waiting));
        if ((flags & MSG_WAITFORONE) != 0) waiting = MSG_DONTWAIT;
        // The time is only looked at when a message has come (recvmmsg(2), BUGS).
        last = deadline <= platform::monotonic_now();
        return size;
    }));
    if (received != 0) store_rest(timeout, deadline);
    return received;
}

}  // namespace eremite::syscall
