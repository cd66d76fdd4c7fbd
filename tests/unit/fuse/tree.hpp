#pragma once
// Files in memory that behave as those of a Linux file system do for root: what a server of tests has to serve.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace eremite::test {

// What an operation fails with.
struct Failure {
    int code;
};

// The bytes of a file, of which those that were never written take no room.
class SparseBytes {
public:
    [[nodiscard]] uint64_t size() const { return size_; }
    // In units of 512 bytes.
    [[nodiscard]] uint64_t blocks() const { return pieces_.size() * (piece / 512); }
    [[nodiscard]] std::string read(uint64_t offset, uint64_t count) const;
    void write(uint64_t offset, std::string_view bytes);
    void resize(uint64_t size);
    // Takes room for a range; gives up that of one.
    void allocate(uint64_t offset, uint64_t length);
    void clear(uint64_t offset, uint64_t length);
    // ENXIO: there is none.
    [[nodiscard]] uint64_t next(uint64_t offset, bool hole) const;

private:
    static constexpr uint64_t piece = 4096;
    std::map<uint64_t, std::string> pieces_;
    uint64_t size_ = 0;
};

struct TreeFile {
    TreeFile(uint64_t n, uint32_t m) : number{n}, mode{m} {}
    const uint64_t number;
    uint32_t mode;
    uint32_t uid = 0, gid = 0, links = 1, device = 0;
    int64_t accessed = 0, modified = 0, changed = 0;  // nanoseconds since 1970
    SparseBytes bytes;
    std::string target;  // of a symbolic link
    std::map<std::string, std::string> attributes;
    // Of a directory.
    std::map<std::string, std::shared_ptr<TreeFile>> entries;
    std::weak_ptr<TreeFile> parent;

    [[nodiscard]] bool is_directory() const;
};
using TreeFilePointer = std::shared_ptr<TreeFile>;

// All operations throw Failure.
class Tree {
public:
    Tree();
    [[nodiscard]] const TreeFilePointer& root() const { return root_; }
    // By a path below the root. Null: there is none.
    [[nodiscard]] TreeFilePointer find(std::string_view path) const;
    [[nodiscard]] static TreeFilePointer lookup(const TreeFile& directory, const std::string& name);
    TreeFilePointer create(const TreeFilePointer& directory, const std::string& name, uint32_t mode);
    void link(TreeFile& directory, const std::string& name, const TreeFilePointer& file);
    void unlink(TreeFile& directory, const std::string& name);
    void remove_directory(TreeFile& directory, const std::string& name);
    // `flags`: RENAME_*.
    void rename(const TreeFilePointer& from, const std::string& name, const TreeFilePointer& to, const std::string& new_name, uint32_t flags);
    void resize(TreeFile& file, uint64_t size);
    void write(TreeFile& file, uint64_t offset, std::string_view bytes);
    void change_owner(TreeFile& file, const uint32_t* uid, const uint32_t* gid);
    // `mode`: of fallocate(2).
    void allocate(TreeFile& file, uint32_t mode, uint64_t offset, uint64_t length);
    void set_attribute(TreeFile& file, const std::string& name, const std::string& value, uint32_t flags);
    void remove_attribute(TreeFile& file, const std::string& name);
    // A moment later than all before.
    int64_t now() { return time_ += 1000; }

private:
    void touch(TreeFile& file);
    void drop(TreeFile& directory, const std::string& name);

    int64_t time_ = 1'700'000'000'000'000'000;
    uint64_t last_number_ = 0;
    TreeFilePointer root_;
};

}  // namespace eremite::test
