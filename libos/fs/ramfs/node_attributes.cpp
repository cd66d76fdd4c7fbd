// Extended attributes of inodes of ramfs: most have none, so the list is made when it is needed.
#include "libos/fs/attribute_name.hpp"
#include "libos/fs/ramfs/node.hpp"

namespace eremite::fs::ramfs {

Result<size_t> Node::extended_attribute(std::string_view name, std::span<uint8_t> value) {
    TRY(check_attribute_name(name));
    ExtendedAttributes* const attributes = extended_.load(std::memory_order_acquire);
    if (!attributes) return Error{ENODATA};
    return attributes->get(name, value);
}

Result<void> Node::set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) {
    TRY(check_attribute_name(name));
    if (!FileSystem::has_room()) return Error{ENOSPC};
    ExtendedAttributes* attributes = extended_.load(std::memory_order_acquire);
    if (!attributes) {
        auto* const fresh = new (std::nothrow) ExtendedAttributes;
        if (!fresh) return Error{ENOSPC};
        // Another thread may be faster; then its list is the one.
        if (extended_.compare_exchange_strong(attributes, fresh, std::memory_order_acq_rel)) attributes = fresh;
        else delete fresh;
    }
    TRY(attributes->set(name, value, flags));
    touch_change();
    return {};
}

Result<void> Node::remove_extended_attribute(std::string_view name) {
    TRY(check_attribute_name(name));
    ExtendedAttributes* const attributes = extended_.load(std::memory_order_acquire);
    if (!attributes) return Error{ENODATA};
    TRY(attributes->remove(name));
    touch_change();
    return {};
}

Result<size_t> Node::list_extended_attributes(std::span<char> names) {
    ExtendedAttributes* const attributes = extended_.load(std::memory_order_acquire);
    return attributes ? attributes->list(names) : size_t{0};
}

}  // namespace eremite::fs::ramfs
