#include "libos/fs/root.hpp"

#include <linux/magic.h>

#include "libos/fs/dev/console_file.hpp"
#include "libos/fs/dev/devices.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/proc.hpp"
#include "libos/fs/ramfs/file_system.hpp"

namespace eremite::fs {

namespace {

constinit ramfs::FileSystem root_files{TMPFS_MAGIC, device_number(0, 2), dev::open_device};
constinit ramfs::FileSystem device_files{TMPFS_MAGIC, device_number(0, 5), dev::open_device};

}  // namespace

Result<void> initialize_root(Context& context) {
    Ref<Inode> root = TRY(root_files.create_root(0755));
    const Ref<Inode> tmp = TRY(root->create_directory("tmp", 01777));
    const Ref<Inode> dev_point = TRY(root->create_directory("dev", 0755));
    const Ref<Inode> proc_point = TRY(root->create_directory("proc", 0555));
    const Ref<Inode> sys_point = TRY(root->create_directory("sys", 0555));
    Ref<Inode> devices = TRY(device_files.create_root(0755));
    TRY(dev::populate(*devices));
    TRY(mount(dev_point, std::move(devices)));
    TRY(mount(proc_point, TRY(proc::create_proc())));
    TRY(mount(sys_point, TRY(proc::create_sys())));
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
