#pragma once
// /proc/self/fd: a link for each open file descriptor. Following one leads to the open file itself, not to its path.
#include "libos/fs/proc/table.hpp"

namespace eremite::fs::proc {

class DescriptorDirectory final : public GeneratedInode {
public:
    DescriptorDirectory(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system)
        : GeneratedInode{FileType::Directory, entry, std::move(parent), number, file_system} {}
    [[nodiscard]] Result<Ref<Inode>> lookup(std::string_view name) override;
    [[nodiscard]] Result<void> list(uint64_t& cursor, DirectorySink& sink) override;
};

class DescriptorLink final : public GeneratedInode {
public:
    DescriptorLink(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system, Ref<File> file, String target)
        : GeneratedInode{FileType::SymbolicLink, entry, std::move(parent), number, file_system},
          file_{std::move(file)},
          target_{std::move(target)} {}
    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<std::string_view> link_target() override { return target_.view(); }
    // ENXIO: the open file is in no file system (a socket, an eventfd).
    [[nodiscard]] Result<Ref<Inode>> magic_target() override;

private:
    Ref<File> file_;
    String target_;
};

}  // namespace eremite::fs::proc
