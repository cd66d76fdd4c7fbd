#include "libos/syscall/file_support.hpp"

#include "libos/process/process.hpp"

namespace eremite::syscall {

Result<Ref<fs::File>> get_file(int descriptor) {
    Ref<fs::File> file = TRY(process::current().files().get(descriptor));
    if (file->path_only()) return Error{EBADF};
    return file;
}

Result<Ref<fs::File>> get_file_or_path(int descriptor) { return process::current().files().get(descriptor); }

Result<long> add_two(fs::FileTable& table, Ref<fs::File> first, Ref<fs::File> second, bool close_on_exec, VirtualAddress descriptors) {
    int numbers[2];
    numbers[0] = TRY(table.add(std::move(first), close_on_exec));
    const auto added = table.add(std::move(second), close_on_exec);
    if (!added.ok()) {
        TRY(table.close(numbers[0]));
        return added.error();
    }
    numbers[1] = added.value();
    const auto stored = mm::copy_to_user(descriptors, numbers, sizeof numbers);
    if (stored.ok()) return 0L;
    for (const int number : numbers) TRY(table.close(number));
    return stored.error();
}

Result<Ref<fs::Inode>> inode_of(fs::File& file, Error otherwise) {
    fs::Inode* inode = file.inode();
    if (!inode) return otherwise;
    return Ref<fs::Inode>::share(inode);
}

Result<void> may_change(const fs::Inode& inode) {
    if (inode.file_system().read_only()) return Error{EROFS};
    return {};
}

Result<std::string_view> PathArgument::load(VirtualAddress address) {
    const auto text = mm::copy_string_from_user(short_, address);
    if (text.ok()) return text.value();
    if (text.code() != ENAMETOOLONG) return text.error();
    long_.reset(new (std::nothrow) char[fs::path_maximum]);
    if (!long_) return Error{ENOMEM};
    return TRY(mm::copy_string_from_user({long_.get(), fs::path_maximum}, address));
}

Result<Ref<fs::Inode>> start_of(int directory, std::string_view path) {
    if (directory == AT_FDCWD || path.starts_with('/')) return process::current().fs().working_directory();
    const Ref<fs::File> file = TRY(get_file_or_path(directory));
    return inode_of(*file, Error{ENOTDIR});
}

Result<Ref<fs::Inode>> find_at(int directory, VirtualAddress path, int flags) {
    PathArgument argument;
    const std::string_view text = TRY(argument.load(path));
    if (text.empty() && (flags & AT_EMPTY_PATH) != 0) return start_of(directory, text);
    const fs::Context& context = process::current().fs();
    const fs::WalkFlags how{.follow_last = (flags & AT_SYMLINK_NOFOLLOW) == 0};
    return text.starts_with('/') ? fs::find(context, context.root(), text, how) : fs::find(context, TRY(start_of(directory, text)), text, how);
}

Result<fs::Location> locate_at(int directory, std::string_view path) {
    const fs::Context& context = process::current().fs();
    const fs::WalkFlags how{.follow_last = false, .want_parent = true};
    return path.starts_with('/') ? fs::walk(context, context.root(), path, how) : fs::walk(context, TRY(start_of(directory, path)), path, how);
}

}  // namespace eremite::syscall
