#pragma once
#include <string_view>

#include "base/result.hpp"

namespace eremite::fs {

// Whether a file system whose extended attributes are in our hands has any of this name: they are in the name spaces "user", "trusted" and
// "security" (xattr(7)). EOPNOTSUPP: it is in another one; EINVAL: nothing but the name space.
inline Result<void> check_attribute_name(std::string_view name) {
    for (const std::string_view space : {"user.", "trusted.", "security."}) {
        if (!name.starts_with(space)) continue;
        return name.size() > space.size() ? Result<void>{} : Error{EINVAL};
    }
    return Error{EOPNOTSUPP};
}

}  // namespace eremite::fs
