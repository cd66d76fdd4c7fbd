#pragma once
// Executables in memory and in files, as the loader reads them.
#include "libos/fs/inode.hpp"
#include "libos/init/elf_loader.hpp"

namespace eremite::init {

// A boot module.
class ModuleSource final : public ExecutableSource {
public:
    explicit ModuleSource(PhysicalRange module) : module_{module} {}
    [[nodiscard]] uint64_t size() const override { return module_.size(); }
    [[nodiscard]] Result<void> read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) override;
    [[nodiscard]] Result<void> read(uint64_t offset, void* destination, uint64_t length) override;

private:
    PhysicalRange module_;
};

// A regular file.
class FileSource final : public ExecutableSource {
public:
    FileSource(fs::Inode& inode, uint64_t size) : inode_{inode}, size_{size} {}
    [[nodiscard]] uint64_t size() const override { return size_; }
    [[nodiscard]] Result<void> read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) override;
    [[nodiscard]] Result<void> read(uint64_t offset, void* destination, uint64_t length) override;

private:
    Result<void> read_into(uint64_t offset, fs::IoBuffer buffer);

    fs::Inode& inode_;
    uint64_t size_;
};

}  // namespace eremite::init
