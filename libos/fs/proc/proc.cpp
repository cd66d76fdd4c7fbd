// The trees of /proc and /sys.
#include "libos/fs/proc/proc.hpp"

#include <linux/magic.h>

#include "libos/fs/proc/network.hpp"

namespace eremite::fs::proc {

namespace {

using Kind = Entry::Kind;

// Those who know what stands in a folder "net" fill it in.
constinit Entry process_entries[] = {
    {"auxv", Kind::File, write_auxiliary_vector, {}, 0400},
    {"cmdline", Kind::File, write_command_line},
    {"comm", Kind::File, write_command_name},
    {"cwd", Kind::Link, write_working_directory},
    {"environ", Kind::File, write_environment, {}, 0400},
    {"exe", Kind::Link, write_executable},
    {"fd", Kind::Descriptors},
    {"limits", Kind::File, write_limits},
    {"maps", Kind::File, write_maps},
    {"mountinfo", Kind::File, write_mount_info},
    {"mounts", Kind::File, write_mounts},
    {"net", Kind::Directory},
    {"root", Kind::Link, write_root_directory},
    {"stat", Kind::File, write_process_stat},
    {"statm", Kind::File, write_memory_pages},
    {"status", Kind::File, write_status},
};

constexpr Entry kernel_entries[] = {
    {"hostname", Kind::File, write_host_name},
    {"osrelease", Kind::File, write_release},
    {"ostype", Kind::File, write_constant<"Linux\n">},
    {"pid_max", Kind::File, write_constant<"32768\n">},
};

constexpr Entry memory_entries[] = {
    {"max_map_count", Kind::File, write_constant<"65530\n">},
    // 2: what is promised is kept.
    {"overcommit_memory", Kind::File, write_constant<"2\n">},
};

constinit Entry sysctl_entries[] = {
    {"kernel", Kind::Directory, nullptr, kernel_entries},
    {"net", Kind::Directory},
    {"vm", Kind::Directory, nullptr, memory_entries},
};

constinit const Entry proc_entries[] = {
    {"1", Kind::Directory, nullptr, process_entries},
    {"cpuinfo", Kind::File, write_cpu_info},
    {"filesystems", Kind::File, write_file_systems},
    {"loadavg", Kind::File, write_load},
    {"meminfo", Kind::File, write_memory_info},
    {"mounts", Kind::Link, write_constant<"self/mounts">},
    {"net", Kind::Link, write_constant<"self/net">},
    {"self", Kind::Link, write_constant<"1">},
    {"stat", Kind::File, write_stat},
    {"sys", Kind::Directory, nullptr, sysctl_entries},
    {"thread-self", Kind::Link, write_constant<"1">},
    {"uptime", Kind::File, write_uptime},
    {"version", Kind::File, write_version},
};

constexpr Entry cpu_entries[] = {
    {"online", Kind::File, write_cpu_list},
    {"possible", Kind::File, write_cpu_list},
    {"present", Kind::File, write_cpu_list},
};
constexpr Entry system_device_entries[] = {{"cpu", Kind::Directory, nullptr, cpu_entries}};
constexpr Entry device_entries[] = {{"system", Kind::Directory, nullptr, system_device_entries}};
constexpr Entry sys_entries[] = {{"devices", Kind::Directory, nullptr, device_entries}};

constinit const Entry proc_root{"", Kind::Directory, nullptr, proc_entries};
constexpr Entry sys_root{"", Kind::Directory, nullptr, sys_entries};

constinit NamelessFileSystem proc_files{PROC_SUPER_MAGIC, device_number(0, 3)};
constinit NamelessFileSystem sys_files{SYSFS_MAGIC, device_number(0, 4)};

void fill_in(std::span<Entry> entries, std::span<const Entry> children) {
    for (Entry& entry : entries)
        if (entry.name == "net") entry.children = children;
}

}  // namespace

Result<Ref<Inode>> create_proc() {
    fill_in(process_entries, network_files());
    fill_in(sysctl_entries, network_settings());
    return make_inode(proc_root, nullptr, 1, proc_files);
}

Result<Ref<Inode>> create_sys() { return make_inode(sys_root, nullptr, 1, sys_files); }

}  // namespace eremite::fs::proc
