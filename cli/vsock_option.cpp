#include "cli/vsock_option.hpp"

#include <fmt/format.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

constexpr const char* host_device = "/dev/vhost-vsock";

std::optional<uint64_t> number_of(const std::string& text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

VsockDevice parse_vsock_option(const std::string& text, Vmm vmm) {
    const auto number = number_of(text);
    if (vmm == Vmm::Cell) {
        if (number || text.empty())
            throw Failure{exit_status::usage, fmt::format("run: --vsock {}: with --vmm cell this is the path of a Unix socket, as ./{}", text, number ? text : "vsock")};
        VsockDevice device;
        device.path = std::filesystem::absolute(text).string();
        return device;
    }
    if (!number || *number <= VMADDR_CID_HOST || *number >= VMADDR_CID_ANY)
        throw Failure{exit_status::usage, fmt::format("run: --vsock {}: with QEMU this is the machine's number, 3 or more; paths of Unix sockets are for --vmm cell", text)};
    VsockDevice device;
    device.cid = static_cast<uint32_t>(*number);
    return device;
}

void require_vsock(const VsockDevice& device) {
    if (!device.path.empty() || ::access(host_device, R_OK | W_OK) == 0) return;
    throw Failure{exit_status::eremite_failed,
                  fmt::format("--vsock {}: this host's {} is not there or not usable (modprobe vhost_vsock); --vmm cell needs no such device", device.cid, host_device)};
}

}  // namespace eremite::cli
