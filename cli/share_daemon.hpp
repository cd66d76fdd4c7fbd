#pragma once
// virtiofsd, which serves one folder to one machine by virtio-fs. It ends with this object, with the command, and with the machine.
#include <filesystem>
#include <optional>
#include <string>

#include "cli/child_process.hpp"

namespace eremite::cli {

// How folders are shared: Auto is virtio-fs where this host can do that, else 9p, which QEMU serves by itself.
enum class ShareMethod { Auto, VirtioFs, Ninep };

class ShareDaemon {
public:
    // Throws Failure: it does not start, or does not answer.
    ShareDaemon(const std::filesystem::path& program, const std::string& folder);
    // QEMU's end of the connection (vhost-user).
    [[nodiscard]] int machine_end() const { return connection_.get(); }

    // The program, if this host has it. `why` tells why not; virtiofsd of QEMU 7.2 needs root.
    static std::optional<std::filesystem::path> find(std::string& why);

private:
    void wait_for_answer(const std::filesystem::path& program, const std::string& folder);

    UniqueFd messages_;  // what it says on standard error; shown only if it does not start, since it also complains of every machine that ends
    UniqueFd listening_;
    UniqueFd connection_;
    std::optional<ChildProcess> child_;
};

}  // namespace eremite::cli
