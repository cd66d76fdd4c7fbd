#include "libos/fs/root.hpp"

#include "libos/fs/dev/console_file.hpp"
#include "libos/fs/dev/devices.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/proc.hpp"
#include "libos/fs/ramfs/file_system.hpp"

namespace eremite::fs {

namespace {

constinit ramfs::FileSystem root_files{device_number(0, 2), dev::open_device};
constinit ramfs::FileSystem device_files{device_number(0, 5), dev::open_device};
constinit ramfs::FileSystem shared_memory_files{device_number(0, 6), dev::open_device};

}  // namespace

Result<void> initialize_root(Context& context) {
    Ref<Inode> root = TRY(root_files.create_root(0755));
    const Ref<Inode> tmp = TRY(root->create_directory("tmp", 01777));
    TRY(mount_on(nullptr, root, {}, "tmpfs", "rootfs"));
    Ref<Inode> devices = TRY(device_files.create_root(0755));
    TRY(dev::populate(*devices));
    const Ref<Inode> shared_memory = TRY(devices->create_directory("shm", 01777));
    TRY(mount_on(TRY(root->create_directory("dev", 0755)), std::move(devices), {}, "devtmpfs", "devtmpfs"));
    TRY(mount_on(shared_memory, TRY(shared_memory_files.create_root(01777)), {}, "tmpfs", "tmpfs"));
    TRY(mount_on(TRY(root->create_directory("proc", 0555)), TRY(proc::create_proc()), {}, "proc", "proc"));
    TRY(mount_on(TRY(root->create_directory("sys", 0555)), TRY(proc::create_sys()), {}, "sysfs", "sysfs"));
    context.initialize(std::move(root));
    return {};
}

Result<void> open_standard_streams(const Context& context, FileTable& files) {
    const Ref<Inode> terminal = TRY(find(context, context.root(), "/dev/console"));
    for (int descriptor = 0; descriptor < 3; ++descriptor)
        TRY(files.replace(descriptor, TRY(dev::open_standard_stream(descriptor, terminal)), false));
    return {};
}

}  // namespace eremite::fs
