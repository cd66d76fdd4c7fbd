#include "cli/snapshot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "cli/failure.hpp"
#include "cli/size.hpp"
#include "vmm/error.hpp"
#include "vmm/snapshot/file.hpp"

namespace eremite::cli {

namespace {

void write_network(vmm::StateWriter& notes, const NetworkInterface& network) {
    notes.add_text(network.tap);
    notes.add<uint32_t>(network.queues);
    notes.add_text(network.machine_address);
    notes.add<uint64_t>(network.forwarded.size());
    for (const ForwardedPort& port : network.forwarded) {
        notes.add_text(port.address);
        for (const uint16_t value : {port.host_port, port.machine_port, uint16_t{port.udp}}) notes.add(value);
    }
}

NetworkInterface read_network(vmm::StateReader& notes) {
    NetworkInterface network;
    network.tap = notes.take_text();
    network.queues = notes.take<uint32_t>();
    network.machine_address = notes.take_text();
    for (auto left = notes.take<uint64_t>(); left > 0; --left) {
        ForwardedPort port;
        port.address = notes.take_text();
        port.host_port = notes.take<uint16_t>();
        port.machine_port = notes.take<uint16_t>();
        port.udp = notes.take<uint16_t>() != 0;
        network.forwarded.push_back(port);
    }
    return network;
}

SnapshotNotes parse_notes(const std::string& text) {
    vmm::StateReader notes{std::as_bytes(std::span{text})};
    SnapshotNotes all;
    all.program = notes.take_text();
    all.terminal = notes.take<uint8_t>() != 0;
    VirtualMachine& machine = all.machine;
    machine.vmm = Vmm::Cell;
    machine.memory = notes.take<uint64_t>();
    machine.cpus = notes.take<uint32_t>();
    machine.tsc_khz = notes.take<uint64_t>();
    for (auto left = notes.take<uint64_t>(); left > 0; --left) {
        VolumeFile volume;
        volume.tag = notes.take_text();
        volume.path = notes.take_text();
        volume.read_only = notes.take<uint8_t>() != 0;
        machine.volumes.push_back(volume);
    }
    if (notes.take<uint8_t>() != 0) machine.network = read_network(notes);
    return all;
}

}  // namespace

std::string write_notes(const SnapshotNotes& all) {
    const VirtualMachine& machine = all.machine;
    vmm::StateWriter notes;
    notes.add_text(all.program);
    notes.add<uint8_t>(all.terminal);
    notes.add(machine.memory);
    notes.add<uint32_t>(machine.cpus);
    notes.add(machine.tsc_khz);
    notes.add<uint64_t>(machine.volumes.size());
    for (const VolumeFile& volume : machine.volumes) {
        notes.add_text(volume.tag);
        notes.add_text(volume.path);
        notes.add<uint8_t>(volume.read_only);
    }
    notes.add<uint8_t>(machine.network.has_value());
    if (machine.network) write_network(notes, *machine.network);
    const auto bytes = notes.bytes();
    // SAFETY: bytes as characters.
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SnapshotNotes read_notes(const std::string& path) {
    try {
        const vmm::SnapshotFile file{path};
        try {
            return parse_notes(file.notes());
        } catch (const vmm::Error& error) {
            throw vmm::Error{path + ": " + error.what()};
        }
    } catch (const vmm::Error& error) {
        throw Failure{exit_status::eremite_failed, fmt::format("--restore {}", error.what())};
    }
}

PendingSnapshot::PendingSnapshot(std::string path)
    : path_{std::move(path)},
      partial_{path_ + ".part"},
      request_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      file_{::open(partial_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)},
      reply_{make_pipe()} {
    if (!file_) {
        throw Failure{exit_status::eremite_failed,
                      errno == EEXIST ? fmt::format("--snapshot {}: {} is there: another machine writes it, or one died with it; if so, remove it", path_, partial_)
                                      : fmt::format("--snapshot {}: {}", path_, std::strerror(errno))};
    }
    if (!request_) throw Failure{exit_status::eremite_failed, fmt::format("eventfd: {}", std::strerror(errno))};
}

PendingSnapshot::~PendingSnapshot() {
    if (!partial_.empty()) ::unlink(partial_.c_str());
}

void PendingSnapshot::ask() {
    if (asked_) {
        fmt::print(stderr, "eremite: --snapshot {}: a run writes one only\n", path_);
        return;
    }
    asked_ = true;
    (void)::eventfd_write(request_.get(), 1);
}

void PendingSnapshot::take_answer() {
    char text[1024];
    const ssize_t got = ::read(reply_.read_end.get(), text, sizeof text - 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    std::string_view answer{text, got > 0 ? static_cast<size_t>(got) : 0};
    if (got <= 0) reply_.read_end.reset();
    if (answer.empty()) return;
    answer = answer.substr(0, answer.find('\n'));
    constexpr std::string_view ok = "ok ";
    uint64_t bytes = 0;
    if (!answer.starts_with(ok)) {
        fmt::print(stderr, "eremite: --snapshot {}: {}\n", path_, answer);
        return;
    }
    std::from_chars(answer.data() + ok.size(), answer.data() + answer.size(), bytes);
    if (::rename(partial_.c_str(), path_.c_str()) != 0) {
        fmt::print(stderr, "eremite: --snapshot {}: {}\n", path_, std::strerror(errno));
        return;
    }
    partial_.clear();
    fmt::print(stderr, "eremite: snapshot of {} written; `eremite run --restore {}` goes on from it\n", format_size(bytes), path_);
}

}  // namespace eremite::cli
