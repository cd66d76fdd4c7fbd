#include "libos/fs/dev/devices.hpp"

#include <array>

#include "libos/fs/dev/console_file.hpp"
#include "libos/fs/dev/disk_file.hpp"
#include "libos/fs/dev/memory_devices.hpp"
#include "libos/socket/vsock_sockets.hpp"

namespace eremite::fs::dev {

namespace {

// Numbers: Documentation/admin-guide/devices.txt of Linux.
constexpr uint64_t null_device = device_number(1, 3);
constexpr uint64_t zero_device = device_number(1, 5);
constexpr uint64_t full_device = device_number(1, 7);
constexpr uint64_t random_device = device_number(1, 8);
constexpr uint64_t urandom_device = device_number(1, 9);
constexpr uint64_t tty_device = device_number(5, 0);
constexpr uint64_t console_device = device_number(5, 1);
constexpr uint64_t hardware_random_device = device_number(10, 183);
constexpr uint64_t vsock_device = device_number(10, 122);  // Linux takes any that is free

struct DeviceName {
    std::string_view name;
    uint64_t number;
    uint32_t permissions;
};
constexpr std::array device_names{
    DeviceName{"null", null_device, 0666},       DeviceName{"zero", zero_device, 0666}, DeviceName{"full", full_device, 0666},
    DeviceName{"random", random_device, 0666},   DeviceName{"urandom", urandom_device, 0666},
    DeviceName{"console", console_device, 0600}, DeviceName{"tty", tty_device, 0666},
    DeviceName{"hwrng", hardware_random_device, 0600},
};

struct LinkName {
    std::string_view name;
    std::string_view target;
};
constexpr std::array link_names{
    LinkName{"fd", "/proc/self/fd"},
    LinkName{"stdin", "/proc/self/fd/0"},
    LinkName{"stdout", "/proc/self/fd/1"},
    LinkName{"stderr", "/proc/self/fd/2"},
};

template <typename T>
Result<Ref<File>> make_file(Ref<Inode> node, uint32_t flags) {
    return Ref<File>{TRY(make_ref<T>(std::move(node), flags))};
}

constinit ramfs::FileSystem unnamed{device_number(0, 1), nullptr};

}  // namespace

Result<Ref<File>> open_device(Ref<Inode> node, uint32_t flags) {
    const Attributes attributes = TRY(node->attributes());
    if ((attributes.mode & S_IFMT) == S_IFBLK) return open_disk(std::move(node), flags, attributes.device_number);
    if ((attributes.mode & S_IFMT) != S_IFCHR) return Error{ENXIO};
    switch (attributes.device_number) {
        case null_device: return make_file<NullFile>(std::move(node), flags);
        case zero_device: return make_file<ZeroFile>(std::move(node), flags);
        case full_device: return make_file<FullFile>(std::move(node), flags);
        case random_device: return make_file<WaitedRandomFile>(std::move(node), flags);
        case urandom_device: return make_file<RandomFile>(std::move(node), flags);
        case hardware_random_device: return make_file<HardwareRandomFile>(std::move(node), flags);
        case vsock_device: return socket::open_vsock_device(std::move(node), flags);
        case tty_device:
        case console_device: return make_file<ConsoleFile>(std::move(node), flags);
        default: return Error{ENXIO};
    }
}

Result<void> populate(Inode& directory) {
    for (const DeviceName& device : device_names) {
        TRY(directory.create(device.name, {S_IFCHR | device.permissions, device.number}));
    }
    if (socket::has_vsock()) TRY(directory.create("vsock", {S_IFCHR | 0666, vsock_device}));
    for (const LinkName& link : link_names) TRY(directory.create_symbolic_link(link.name, link.target));
    return {};
}

ramfs::FileSystem& unnamed_files() { return unnamed; }

}  // namespace eremite::fs::dev
