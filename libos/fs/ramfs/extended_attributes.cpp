#include "libos/fs/ramfs/extended_attributes.hpp"

#include <sys/xattr.h>

#include <algorithm>

namespace eremite::fs::ramfs {

ExtendedAttributes::Attribute* ExtendedAttributes::find(std::string_view name) {
    Attribute* const found = std::find_if(attributes_.begin(), attributes_.end(), [&](const Attribute& a) { return a.name.view() == name; });
    return found == attributes_.end() ? nullptr : found;
}

Result<size_t> ExtendedAttributes::get(std::string_view name, std::span<uint8_t> value) {
    const sync::Guard guard{lock_};
    const Attribute* const attribute = find(name);
    if (!attribute) return Error{ENODATA};
    const size_t size = attribute->value.size();
    if (!value.empty() && value.size() < size) return Error{ERANGE};
    if (!value.empty()) std::copy_n(attribute->value.data(), size, value.data());
    return size;
}

Result<void> ExtendedAttributes::set(std::string_view name, std::span<const uint8_t> value, uint32_t flags) {
    Attribute fresh;
    TRY(fresh.value.resize(value.size()));
    std::copy(value.begin(), value.end(), fresh.value.data());
    fresh.name = TRY(String::copy(name));
    const sync::Guard guard{lock_};
    Attribute* const present = find(name);
    if (present && (flags & XATTR_CREATE) != 0) return Error{EEXIST};
    if (!present && (flags & XATTR_REPLACE) != 0) return Error{ENODATA};
    if (!present) return attributes_.push_back(std::move(fresh));
    present->value = std::move(fresh.value);
    return {};
}

Result<void> ExtendedAttributes::remove(std::string_view name) {
    const sync::Guard guard{lock_};
    const Attribute* const present = find(name);
    if (!present) return Error{ENODATA};
    attributes_.erase(static_cast<size_t>(present - attributes_.data()));
    return {};
}

Result<size_t> ExtendedAttributes::list(std::span<char> names) {
    const sync::Guard guard{lock_};
    size_t size = 0;
    for (const Attribute& attribute : attributes_) {
        const size_t start = size;
        size += attribute.name.size() + 1;
        if (names.empty()) continue;
        if (size > names.size()) return Error{ERANGE};
        attribute.name.view().copy(names.data() + start, attribute.name.size());
        names[size - 1] = 0;
    }
    return size;
}

}  // namespace eremite::fs::ramfs
