#pragma once
// The virtio socket device (virtio 1.2 section 5.10): streams between programs of the host and the guest, by Unix sockets.
//
// A program of the host connects to PATH, writes "CONNECT <port>\n", and reads "OK <number>\n" once the guest's program has it; from there on it has
// the stream. Where nobody listens in the guest, the connection is closed. The guest reaches the host (VMADDR_CID_HOST) at a port by what listens at
// PATH_<port>. Monitors that have such a device are used to this protocol.
#include <linux/virtio_ids.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "vmm/virtio/device.hpp"
#include "vmm/vsock/connection.hpp"

namespace eremite::vmm::vsock {

struct Settings {
    uint32_t cid = 3;  // the guest's number: 3 is the first one that is free
    // Streams at once, with those that a guest has ended and a host has not read.
    size_t most_connections = 512;
};

class VsockDevice final : public virtio::Device {
public:
    // Listens at `path`. Requires: the process ignores SIGPIPE. Throws Error.
    VsockDevice(virtio::Host& host, std::string name, std::string path, const Settings& settings);
    ~VsockDevice() override;

    [[nodiscard]] uint32_t type() const override { return VIRTIO_ID_VSOCK; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override;
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void list_needs(sandbox::Needs& needs) const override;
    void notified(uint16_t queue) override;
    // Streams do not outlive the machine that they were of: one that goes on from a snapshot is told so.
    void save(StateWriter& state) const override;
    void restore(StateReader& state) override;

    // Of streams, in whatever state.
    [[nodiscard]] size_t connection_count() const { return connections_.size(); }

private:
    static constexpr std::array<uint16_t, eremite::virtio::vsock::queue_count> sizes{128, 128, 8};
    // Answers to packets of no stream. While they wait, the guest's packets do, too.
    static constexpr size_t most_refusals = 64;
    using Id = uint64_t;

    // What the host does.
    void accept_all();
    // 0: it cannot be watched, and is gone.
    Id add(std::unique_ptr<Connection> connection);
    void happened(Id id, uint32_t events);
    void greet(Connection& connection, Id id);
    void flush(Connection& connection, Id id);

    // Each does a part of what is to be done, and returns whether there is more.
    void work();
    void tell_of_loss();
    [[nodiscard]] bool transmit();
    [[nodiscard]] bool receive();

    // Of the guest's packets, whose header was copied and whose data lie in `pieces`.
    void handle(const Header& header, std::span<const iovec> pieces);
    void handle_request(const Header& header);
    void handle_open(Connection& connection, Id id, const Header& header, std::span<const iovec> pieces);
    void handle_shutdown(Connection& connection, Id id, uint32_t flags);

    // Of packets for the guest.
    void need(Connection& connection, Id id, unsigned needs);
    void want_data(Connection& connection, Id id);
    void refuse(const Header& header);
    void reset(Connection& connection);
    [[nodiscard]] bool next_control(Header& header);
    [[nodiscard]] Header header_for(Connection& connection, uint16_t op) const;
    // False: there is nothing to send, after all.
    [[nodiscard]] bool fill_with_data(uint32_t& written);
    void end(Connection& connection, Id id);

    [[nodiscard]] Connection* find(Id id);
    [[nodiscard]] Id id_of(Ports ports) const;  // 0: there is none
    void drop(Id id);
    [[nodiscard]] uint32_t free_host_port();

    virtio::Host& host_;
    const std::string name_, path_;
    const Settings settings_;
    UniqueFd listener_, again_;
    std::array<virtio::Queue*, eremite::virtio::vsock::queue_count> queues_{};  // null: stopped, or not set up
    virtio::Chain sending_, receiving_;
    std::unordered_map<Id, std::unique_ptr<Connection>> connections_;
    std::map<Ports, Id> by_ports_;
    std::deque<Id> control_, data_;  // who has something for the guest; some may be gone
    std::deque<Header> refusals_;
    bool lost_all_ = false;  // streams, and the guest does not know
    Id last_id_ = 0;
    uint32_t next_host_port_;
};

}  // namespace eremite::vmm::vsock
