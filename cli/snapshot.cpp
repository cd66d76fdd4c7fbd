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

// Of volumes or folders.
template <typename File>
void write_files(vmm::StateWriter& notes, const std::vector<File>& files) {
    notes.add<uint64_t>(files.size());
    for (const File& file : files) {
        notes.add_text(file.tag);
        notes.add_text(file.path);
        notes.add<uint8_t>(file.read_only);
    }
}

template <typename File>
void read_files(vmm::StateReader& notes, std::vector<File>& files) {
    for (auto left = notes.take<uint64_t>(); left > 0; --left) {
        File file;
        file.tag = notes.take_text();
        file.path = notes.take_text();
        file.read_only = notes.take<uint8_t>() != 0;
        files.push_back(file);
    }
}

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
    read_files(notes, machine.volumes);
    read_files(notes, machine.folders);
    if (notes.take<uint8_t>() != 0) machine.network = read_network(notes);
    if (notes.take<uint8_t>() != 0) {
        VsockDevice& device = machine.vsock.emplace();
        device.path = notes.take_text();
        device.cid = notes.take<uint32_t>();
    }
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
    write_files(notes, machine.volumes);
    write_files(notes, machine.folders);
    notes.add<uint8_t>(machine.network.has_value());
    if (machine.network) write_network(notes, *machine.network);
    notes.add<uint8_t>(machine.vsock.has_value());
    if (machine.vsock) {
        notes.add_text(machine.vsock->path);
        notes.add(machine.vsock->cid);
    }
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
        asked_ = false;
        fmt::print(stderr, "eremite: --snapshot {}: {}\n", path_, answer);
        return;
    }
    std::from_chars(answer.data() + ok.size(), answer.data() + answer.size(), bytes);
    if (::rename(partial_.c_str(), path_.c_str()) != 0) {
        fmt::print(stderr, "eremite: --snapshot {}: {}\n", path_, std::strerror(errno));
        return;
    }
    partial_.clear();
    if (answer.ends_with("without AVX"))
        fmt::print(stderr, "eremite: --snapshot {}: this host's KVM does not tell the program's AVX registers, and it was computing: if it used them, it may go on wrong\n", path_);
    fmt::print(stderr, "eremite: snapshot of {} written; `eremite run --restore {}` goes on from it\n", format_size(bytes), path_);
}

}  // namespace eremite::cli
