#include "cli/build_command.hpp"

#include "cli/compile.hpp"

namespace eremite::cli {

int build_command(const BuildOptions& options) {
    build_image(options.sources, options.image, options.flags);
    return 0;
}

}  // namespace eremite::cli
