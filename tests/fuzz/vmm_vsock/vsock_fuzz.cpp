// The fuzzer plays the driver of a socket device, and programs of the host that connect, say something, and go.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/vmm_virtio/hostile_driver.hpp"
#include "vmm/vsock/device.hpp"
#include "vmm/vsock/unix_socket.hpp"

using namespace eremite;
using test::require;
using vmm::UniqueFd;
using Header = virtio::vsock::Header;

namespace {

constexpr size_t most_connections = 4;

// A folder for the sockets, which goes with the process.
struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "eremite-fuzz-XXXXXX").string();
        require(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

class Host {
public:
    explicit Host(const std::string& path) : path_{path} {
        ::unlink((path + "_1").c_str());
        listener_ = vmm::vsock::listen_at(path + "_1");
    }
    void step(test::Input& input) {
        const uint8_t what = input.byte();
        switch (what % 6) {
            case 0:
                if (programs_.size() < most_connections * 2)
                    if (UniqueFd socket = vmm::vsock::connect_to(path_)) programs_.push_back(std::move(socket));
                return say(what, "CONNECT 2\n");
            case 1:
                if (UniqueFd socket = vmm::vsock::accept_from(listener_)) programs_.push_back(std::move(socket));
                return;
            case 2: {
                const auto text = input.take(input.byte());
                // SAFETY: bytes as bytes.
                return say(what, {reinterpret_cast<const char*>(text.data()), text.size()});
            }
            case 3:
                if (UniqueFd* const socket = program(what)) {
                    std::array<char, 4096> bytes;
                    (void)!::read(socket->get(), bytes.data(), bytes.size());
                }
                return;
            case 4:
                if (UniqueFd* const socket = program(what)) (void)::shutdown(socket->get(), what / 64 % 3);
                return;
            default:
                if (UniqueFd* const socket = program(what)) programs_.erase(programs_.begin() + (socket - programs_.data()));
        }
    }

private:
    UniqueFd* program(uint8_t what) { return programs_.empty() ? nullptr : &programs_[what / 6U % programs_.size()]; }
    void say(uint8_t what, std::string_view text) {
        if (UniqueFd* const socket = program(what)) (void)!::write(socket->get(), text.data(), text.size());
    }

    const std::string path_;
    UniqueFd listener_;
    std::vector<UniqueFd> programs_;
};

// A packet with few choices of ports, so that it concerns a stream.
void send_packet(test::HostileDriver& driver, test::Input& input) {
    Header header{};
    const uint8_t what = input.byte(), ports = input.byte();
    header.src_cid = ports >= 250 ? input.word() : 3;
    header.dst_cid = ports >= 245 ? input.word() : 2;
    // The host's own ports, or one that the guest asks for.
    header.src_port = ports % 2 == 0 ? 2 : 5;
    header.dst_port = ports % 2 == 0 ? (1U << 30) + ports / 2 % 8U : 1;
    header.type = ports >= 240 ? 2 : 1;
    header.op = what % 9;
    header.flags = what / 9 % 4;
    header.buf_alloc = input.half();
    header.fwd_cnt = input.byte();
    const auto data = input.take(input.byte());
    header.len = what >= 230 ? input.half() : static_cast<uint32_t>(data.size());
    std::vector<uint8_t> packet(sizeof header + data.size());
    std::memcpy(packet.data(), &header, sizeof header);
    std::copy(data.begin(), data.end(), packet.begin() + sizeof header);
    driver.request(virtio::vsock::transmit_queue, packet, 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Folder folder;
    test::Input input{data, size};
    std::signal(SIGPIPE, SIG_IGN);
    const std::string path = folder.path + "/vsock";
    ::unlink(path.c_str());
    test::HostileDriver driver;
    const vmm::vsock::VsockDevice* device = nullptr;
    auto made = std::make_unique<vmm::vsock::VsockDevice>(driver.transport().host(), "vsock", path, vmm::vsock::Settings{.cid = 3, .most_connections = most_connections});
    device = made.get();
    driver.transport().attach(std::move(made));
    Host host{path};
    driver.begin(input);
    while (!input.empty()) {
        switch (input.byte() % 8) {
            case 0:
            case 1: host.step(input); break;
            case 2:
            case 3: send_packet(driver, input); break;
            case 4:
            case 5: driver.request(virtio::vsock::receive_queue, {}, 200 + input.byte() * 4U); break;
            case 6: driver.transport().host().loop().run_pending(); break;
            default: driver.step(input);
        }
        require(device->connection_count() <= most_connections);
    }
    return 0;
}
