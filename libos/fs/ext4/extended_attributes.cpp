// Extended attributes of an ext4 inode, in the inode and in a block of their own: the library knows where.
#include <sys/xattr.h>

#include <array>
#include <cstring>

#include "libos/fs/attribute_name.hpp"
#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/node.hpp"

namespace eremite::fs::ext4 {

namespace {

// All attributes of a file, as the library has them.
class Attributes {
public:
    Attributes() = default;
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    ~Attributes() {
        if (handle_) (void)ext2fs_xattrs_close(&handle_);
    }
    Result<void> read(Node& node) {
        TRY(checked(ext2fs_xattrs_open(node.volume().library(), node.number(), &handle_)));
        unsigned int flags = XATTR_HANDLE_FLAG_RAW;
        TRY(checked(ext2fs_xattrs_flags(handle_, &flags, nullptr)));
        return checked(ext2fs_xattrs_read(handle_));
    }
    [[nodiscard]] ext2_xattr_handle* get() const { return handle_; }

private:
    ext2_xattr_handle* handle_ = nullptr;
};

// A value that the library allocated.
class Value {
public:
    Value() = default;
    Value(const Value&) = delete;
    Value& operator=(const Value&) = delete;
    ~Value() {
        if (bytes) ext2fs_free_mem(&bytes);
    }
    void* bytes = nullptr;
    size_t size = 0;
};

class Name {
public:
    explicit Name(std::string_view name) { text_[name.copy(text_.data(), XATTR_NAME_MAX)] = '\0'; }
    [[nodiscard]] const char* get() const { return text_.data(); }

private:
    std::array<char, XATTR_NAME_MAX + 1> text_;
};

}  // namespace

Result<size_t> Node::extended_attribute(std::string_view name, std::span<uint8_t> value) {
    TRY(check_attribute_name(name));
    const sched::MutexGuard guard{volume().mutex()};
    Attributes all;
    TRY(all.read(*this));
    Value found;
    TRY(checked(ext2fs_xattr_get(all.get(), Name{name}.get(), &found.bytes, &found.size)));
    if (value.empty()) return found.size;
    if (found.size > value.size()) return Error{ERANGE};
    std::memcpy(value.data(), found.bytes, found.size);
    return found.size;
}

template <typename Function>
Result<void> Node::change_extended_attribute(std::string_view name, Function function) {
    TRY(check_attribute_name(name));
    Operation operation{volume()};
    TRY(operation.begin());
    change();
    touch(Change);
    TRY(store());
    {
        Attributes all;
        TRY(all.read(*this));
        Value found;
        const errcode_t before = ext2fs_xattr_get(all.get(), Name{name}.get(), &found.bytes, &found.size);
        if (before != 0 && before != EXT2_ET_EA_KEY_NOT_FOUND) return error_of(before);
        TRY(function(all, before == 0));
    }
    // The library changed the inode on the volume.
    TRY(load());
    return operation.keep();
}

Result<void> Node::set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) {
    return change_extended_attribute(name, [&](Attributes& all, bool exists) -> Result<void> {
        if (exists && (flags & XATTR_CREATE) != 0) return Error{EEXIST};
        if (!exists && (flags & XATTR_REPLACE) != 0) return Error{ENODATA};
        return checked(ext2fs_xattr_set(all.get(), Name{name}.get(), value.data(), value.size()));
    });
}

Result<void> Node::remove_extended_attribute(std::string_view name) {
    return change_extended_attribute(name, [&](Attributes& all, bool exists) -> Result<void> {
        if (!exists) return Error{ENODATA};
        return checked(ext2fs_xattr_remove(all.get(), Name{name}.get()));
    });
}

Result<size_t> Node::list_extended_attributes(std::span<char> names) {
    const sched::MutexGuard guard{volume().mutex()};
    Attributes all;
    TRY(all.read(*this));
    struct List {
        std::span<char> names;
        size_t size = 0;
    } list{names};
    const auto add = [](char* name, char*, size_t, void* context) -> int {
        auto& to = *static_cast<List*>(context);
        const size_t length = std::strlen(name) + 1;
        if (to.size + length <= to.names.size()) std::memcpy(to.names.data() + to.size, name, length);
        to.size += length;
        return 0;
    };
    TRY(checked(ext2fs_xattrs_iterate(all.get(), add, &list)));
    if (!names.empty() && list.size > names.size()) return Error{ERANGE};
    return list.size;
}

}  // namespace eremite::fs::ext4
