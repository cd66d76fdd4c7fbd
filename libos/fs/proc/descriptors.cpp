#include "libos/fs/proc/descriptors.hpp"

#include <charconv>
#include <memory>

#include "libos/fs/path.hpp"
#include "libos/process/process.hpp"

namespace eremite::fs::proc {

namespace {

constexpr uint64_t link_numbers = 1 << 20;  // inode numbers of links start here

}  // namespace

Result<Ref<Inode>> DescriptorDirectory::lookup(std::string_view name) {
    int descriptor = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data(), end, descriptor);
    const bool leading_zero = name.size() > 1 && name[0] == '0';
    if (parsed.ec != std::errc{} || parsed.ptr != end || descriptor < 0 || leading_zero) return Error{ENOENT};
    auto file = process::current().files().get(descriptor);
    if (!file.ok()) return Error{ENOENT};
    const std::unique_ptr<char[]> path{new (std::nothrow) char[path_maximum]};
    if (!path) return Error{ENOMEM};
    const size_t length = file.value()->describe(path.get(), path_maximum);
    String target = TRY(String::copy({path.get(), length}));
    const auto number = link_numbers + static_cast<uint64_t>(descriptor);
    return Ref<Inode>{
        TRY(make_ref<DescriptorLink>(entry(), Ref<Inode>::share(this), number, file_system(), std::move(*file), std::move(target)))};
}

Result<void> DescriptorDirectory::list(uint64_t& cursor, DirectorySink& sink) {
    if (cursor == 0) {
        if (!sink.add(".", number(), FileType::Directory, 1)) return {};
        cursor = 1;
    }
    if (cursor == 1) {
        if (!sink.add("..", number() / 64, FileType::Directory, 2)) return {};
        cursor = 2;
    }
    FileTable& files = process::current().files();
    for (int d = files.next_open(static_cast<int>(cursor - 2)); d >= 0; d = files.next_open(d + 1)) {
        char name[12];
        const auto end = std::to_chars(name, name + sizeof name, d);
        const std::string_view text{name, static_cast<size_t>(end.ptr - name)};
        const auto next = static_cast<uint64_t>(d) + 3;
        if (!sink.add(text, link_numbers + static_cast<uint64_t>(d), FileType::SymbolicLink, next)) return {};
        cursor = next;
    }
    return {};
}

Result<Attributes> DescriptorLink::attributes() {
    Attributes a = TRY(GeneratedInode::attributes());
    a.mode = S_IFLNK | S_IXUSR | (file_->readable() ? S_IRUSR : 0U) | (file_->writable() ? S_IWUSR : 0U);
    a.size = 64;  // what Linux shows for these links
    return a;
}

Result<Ref<Inode>> DescriptorLink::magic_target() {
    if (!file_->inode()) return Error{ENXIO};
    return Ref<Inode>::share(file_->inode());
}

}  // namespace eremite::fs::proc
