#pragma once
// A read-only tree of generated files that is nothing but constant tables: directories and files come into being when a
// path walk asks for them.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.hpp"
#include "base/vector.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::proc {

// Collects text; remembers when there was no memory for it.
class StringSink final : public TextSink {
public:
    void write(std::string_view text) override { failed_ = failed_ || !text_.append(text).ok(); }
    // ENOMEM when a piece was lost.
    [[nodiscard]] Result<String> take() {
        if (failed_) return Error{ENOMEM};
        return std::move(text_);
    }

private:
    String text_;
    bool failed_ = false;
};

struct Entry {
    enum class Kind : uint8_t { File, Link, Directory, Descriptors };
    std::string_view name;
    Kind kind = Kind::File;
    // The text of a file or the target of a link.
    Result<void> (*generate)(TextSink&) = nullptr;
    std::span<const Entry> children{};
    uint32_t permissions = 0444;
};

// What all inodes of such a tree have in common.
class GeneratedInode : public Inode {
public:
    GeneratedInode(FileType type, const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system)
        : Inode{type}, entry_{entry}, parent_{std::move(parent)}, number_{number}, file_system_{file_system} {}
    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Ref<Inode> parent() override { return parent_; }
    size_t name(std::span<char> buffer) const override { return entry_.name.copy(buffer.data(), buffer.size()); }
    [[nodiscard]] FileSystem& file_system() const override { return file_system_; }

protected:
    [[nodiscard]] const Entry& entry() const { return entry_; }
    [[nodiscard]] uint64_t number() const { return number_; }

private:
    const Entry& entry_;
    Ref<Inode> parent_;
    uint64_t number_;
    FileSystem& file_system_;
};

class TableDirectory final : public GeneratedInode {
public:
    TableDirectory(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system)
        : GeneratedInode{FileType::Directory, entry, std::move(parent), number, file_system} {}
    [[nodiscard]] Result<Ref<Inode>> lookup(std::string_view name) override;
    [[nodiscard]] Result<void> list(uint64_t& cursor, DirectorySink& sink) override;

private:
    [[nodiscard]] uint64_t child_number(size_t index) const { return number() * 64 + index + 1; }
};

class GeneratedFile final : public GeneratedInode {
public:
    GeneratedFile(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system)
        : GeneratedInode{FileType::Regular, entry, std::move(parent), number, file_system} {}
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
    // Programs open files of /proc with O_TRUNC; there is nothing to cut off.
    [[nodiscard]] Result<void> truncate(uint64_t) override { return {}; }
};

class GeneratedLink final : public GeneratedInode {
public:
    GeneratedLink(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system, String target)
        : GeneratedInode{FileType::SymbolicLink, entry, std::move(parent), number, file_system}, target_{std::move(target)} {}
    [[nodiscard]] Result<std::string_view> link_target() override { return target_.view(); }

private:
    String target_;
};

// A generated text being read.
class TextFile final : public InodeFile {
public:
    TextFile(Ref<Inode> inode, uint32_t flags, String text) : InodeFile{std::move(inode), flags}, text_{std::move(text)} {}
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override;
    [[nodiscard]] Result<uint64_t> seek(int64_t offset, int whence) override;

private:
    String text_;
    std::atomic<uint64_t> position_{0};
};

// The inode for an entry. ENOMEM, and what generating a link reports.
[[nodiscard]] Result<Ref<Inode>> make_inode(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system);

}  // namespace eremite::fs::proc
