#include "vmm/net/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "vmm/error.hpp"
#include "vmm/net/format.hpp"

namespace eremite::vmm::net {

namespace {

// Of linux/if_tun.h since Linux 6.2; the kernel has both or none.
constexpr unsigned cuts_datagrams = 0x20 | 0x40;

struct Offload {
    unsigned flags;      // of TUNSETOFFLOAD, without TUN_F_CSUM, which all take
    uint64_t receiving;  // what the driver has to take for it, all of it
    uint64_t sending;    // what a kernel that has this takes from the driver
};

constexpr std::array offload_table{
    Offload{TUN_F_TSO4, bit(VIRTIO_NET_F_GUEST_TSO4), bit(VIRTIO_NET_F_HOST_TSO4)},
    Offload{TUN_F_TSO6, bit(VIRTIO_NET_F_GUEST_TSO6), bit(VIRTIO_NET_F_HOST_TSO6)},
    Offload{TUN_F_TSO_ECN, bit(VIRTIO_NET_F_GUEST_ECN), bit(VIRTIO_NET_F_HOST_ECN)},
    Offload{TUN_F_UFO, bit(VIRTIO_NET_F_GUEST_UFO), bit(VIRTIO_NET_F_HOST_UFO)},
    Offload{cuts_datagrams, bit(feature_guest_uso4) | bit(feature_guest_uso6), bit(feature_host_uso)},
};

std::string recipe(const std::string& name) {
    return "sudo ip tuntap add dev " + name + " mode tap multi_queue user $USER && sudo ip addr add 10.0.5.1/24 dev " + name +
           " && sudo ip link set " + name + " up";
}

Error open_error(const std::string& name, bool several, int error) {
    switch (error) {
        case EBUSY: return Error{"another machine or program uses " + name + ": each needs a TAP device of its own"};
        case EPERM:
            return Error{"this user may not use " + name + "; this makes one that you may use: sudo ip link del " + name + "; " + recipe(name)};
        case E2BIG: return Error{name + " does not have so many queues"};
        case EINVAL:
            if (!several) return Error{name + " is no TAP device"};
            return Error{name + " is no TAP device with several queues; this makes one: sudo ip link del " + name + "; " + recipe(name)};
        default: return Error{"the TAP device " + name + ": " + std::strerror(error)};
    }
}

// One more queue of the device. 0, or what is wrong.
int open_queue(const std::string& name, bool several, UniqueFd& fd) {
    fd = UniqueFd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) throw Error{std::string{"/dev/net/tun cannot be opened ("} + std::strerror(errno) + "): sudo modprobe tun, or see `eremite doctor`"};
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0));
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return errno;
    const int size = header_size;
    return ::ioctl(fd.get(), TUNSETVNETHDRSZ, &size) == 0 ? 0 : errno;
}

}  // namespace

TapQueue::~TapQueue() {
    if (watched_ != 0) host_->loop().remove(fd_.get());
}

void TapQueue::attach(virtio::Host& host, Listener& listener) {
    host_ = &host;
    listener_ = &listener;
}

void TapQueue::watch(bool readable, bool writable) {
    wanted_ = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    update();
}

bool TapQueue::enable(bool enabled) {
    if (enabled == enabled_) return true;
    ifreq request{};
    request.ifr_flags = static_cast<short>(enabled ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE);
    // The loop does not see it while it is not attached, which looks as if it had been deleted.
    enabled_ = false;
    update();
    const bool done = ::ioctl(fd_.get(), TUNSETQUEUE, &request) == 0;
    enabled_ = done == enabled;
    update();
    return done;
}

// A queue that is not enabled, or not waited for, is not with the loop: it would never be silent.
void TapQueue::update() {
    const uint32_t events = enabled_ && !gone_ ? wanted_ : 0;
    if (events == watched_ || !host_) return;
    EventLoop& loop = host_->loop();
    try {
        if (events == 0) loop.remove(fd_.get());
        else if (watched_ != 0) loop.change(fd_.get(), events);
        else loop.add(fd_.get(), events, [this](uint32_t came) { handle(came); });
        watched_ = events;
    } catch (const Error& error) {
        std::fprintf(stderr, "cell: a TAP device cannot be waited for (%s); its network is gone\n", error.what());
        if (watched_ != 0) loop.remove(fd_.get());
        watched_ = 0;
        if (std::exchange(gone_, true)) return;
        listener_->gone();
    }
}

void TapQueue::handle(uint32_t events) {
    const std::lock_guard guard{host_->lock()};
    if (watched_ == 0) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        // It was deleted.
        gone_ = true;
        update();
        return listener_->gone();
    }
    if ((events & watched_ & EPOLLIN) != 0) listener_->readable();
    if ((events & watched_ & EPOLLOUT) != 0) listener_->writable();
}

size_t TapQueue::receive(std::span<const iovec> pieces) {
    const ssize_t size = ::readv(fd_.get(), pieces.data(), static_cast<int>(pieces.size()));
    return size > 0 ? static_cast<size_t>(size) : 0;
}

Channel::Sent TapQueue::send(std::span<const iovec> pieces) {
    if (::writev(fd_.get(), pieces.data(), static_cast<int>(pieces.size())) >= 0) return Sent::Done;
    // A frame that the kernel refuses is lost, and so is one for a device that is down (EIO) or deleted (EBADFD).
    return errno == EAGAIN ? Sent::Not_yet : Sent::Done;
}

Tap::Tap(const std::string& name, size_t queues) {
    if (name.empty() || name.size() >= IFNAMSIZ) throw Error{"a TAP device has a name of 1 to 15 bytes, and not \"" + name + "\""};
    // The kernel would make one for who may, which nobody has given an address.
    if (::if_nametoindex(name.c_str()) == 0) throw Error{"there is no device " + name + "; this makes one: " + recipe(name)};
    bool several = queues > 1;
    for (size_t i = 0; i < std::max<size_t>(queues, 1); ++i) {
        UniqueFd fd;
        int error = open_queue(name, several, fd);
        if (error == EINVAL && !several) {
            // One that was made for several queues wants to be opened so.
            several = true;
            error = open_queue(name, several, fd);
            if (error == EINVAL) throw open_error(name, false, error);
        }
        if (error != 0) throw open_error(name, several, error);
        queues_.push_back(std::make_unique<TapQueue>(std::move(fd)));
    }
    find_offloads();
    used_ = queues_.size();
    if (!use(1)) throw system_error("the queues of the TAP device " + name);
}

void Tap::list_needs(sandbox::Needs& needs) const {
    for (const unsigned long request : std::initializer_list<unsigned long>{TUNSETQUEUE, TUNSETOFFLOAD}) needs.calls.push_back(sandbox::ioctl_call(request));
}

bool Tap::set_offloads(unsigned flags) { return ::ioctl(queues_[0]->descriptor(), TUNSETOFFLOAD, static_cast<unsigned long>(flags)) == 0; }

void Tap::find_offloads() {
    if (!set_offloads(TUN_F_CSUM)) return;
    offloads_ = bit(VIRTIO_NET_F_CSUM) | bit(VIRTIO_NET_F_GUEST_CSUM);
    for (const Offload& offload : offload_table) {
        // The kernel takes ECN along with TCP only.
        const unsigned with = offload.flags == TUN_F_TSO_ECN ? TUN_F_TSO4 : 0;
        if (set_offloads(TUN_F_CSUM | with | offload.flags)) offloads_ |= offload.receiving | offload.sending;
    }
    negotiate(0);
}

void Tap::negotiate(uint64_t features) {
    unsigned flags = 0;
    if (has(features, VIRTIO_NET_F_GUEST_CSUM)) {
        flags = TUN_F_CSUM;
        for (const Offload& offload : offload_table)
            if ((features & offload.receiving) == offload.receiving) flags |= offload.flags;
        // Section 5.1.3.1: ECN is about segments of TCP.
        if ((flags & (TUN_F_TSO4 | TUN_F_TSO6)) == 0) flags &= ~unsigned{TUN_F_TSO_ECN};
    }
    // A guest that could take more than it gets misses nothing.
    if (!set_offloads(flags)) (void)set_offloads(0);
}

bool Tap::use(size_t channels) {
    const auto enable = [this](size_t count) {
        bool done = true;
        for (size_t i = 0; i < queues_.size(); ++i) done &= queues_[i]->enable(i < count);
        return done;
    };
    if (!enable(channels)) {
        (void)enable(used_);
        return false;
    }
    used_ = channels;
    return true;
}

}  // namespace eremite::vmm::net
