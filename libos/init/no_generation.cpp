// Of images without the component virtio.
#include "libos/init/generation.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

Result<void> watch_generation(std::string_view announcement) {
    if (!announcement.empty()) log::warn("vmgenid={}: this image was linked without the component virtio", announcement);
    return {};
}

}  // namespace eremite::init
