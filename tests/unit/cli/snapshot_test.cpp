#include "cli/snapshot.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/failure.hpp"
#include "vmm/snapshot/file.hpp"

namespace eremite::cli {
namespace {

// A snapshot of a machine with a page of memory, in a file in memory.
class Snapshot {
public:
    explicit Snapshot(const std::string& notes) {
        vmm::StateWriter state;
        vmm::SnapshotFile::write_notes(state, notes);
        state.begin("machine");
        (void)vmm::write_snapshot(file_.get(), vmm::GuestMemory{4096}, state.bytes());
    }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

private:
    vmm::UniqueFd file_{::memfd_create("snapshot", MFD_CLOEXEC)};
};

SnapshotNotes some_notes() {
    SnapshotNotes notes{.program = "/bin/a program", .terminal = true, .machine = {}};
    notes.machine.memory = uint64_t{5} << 30;
    notes.machine.cpus = 3;
    notes.machine.tsc_khz = 2'600'013;
    notes.machine.volumes = {{"data", "/a/b.img", false}, {"more", "/c", true}};
    NetworkInterface network{.tap = "tap7", .queues = 4, .machine_address = "10.0.0.9", .forwarded = {}};
    network.forwarded = {{"127.0.0.1", 8080, 80, false}, {"", 53, 5353, true}};
    notes.machine.network = network;
    return notes;
}

// The message; empty: none.
std::string failure_of(const std::string& path) {
    try {
        (void)read_notes(path);
    } catch (const Failure& failure) {
        return failure.what();
    }
    return {};
}

TEST(SnapshotNotes, ThroughAFile) {
    const Snapshot snapshot{write_notes(some_notes())};
    const SnapshotNotes notes = read_notes(snapshot.path());
    EXPECT_EQ(notes.program, "/bin/a program");
    EXPECT_TRUE(notes.terminal);
    const VirtualMachine& machine = notes.machine;
    EXPECT_EQ(machine.vmm, Vmm::Cell);
    EXPECT_EQ(machine.memory, uint64_t{5} << 30);
    EXPECT_EQ(machine.cpus, 3U);
    EXPECT_EQ(machine.tsc_khz, 2'600'013U);
    ASSERT_EQ(machine.volumes.size(), 2U);
    EXPECT_EQ(machine.volumes[0].tag, "data");
    EXPECT_EQ(machine.volumes[0].path, "/a/b.img");
    EXPECT_FALSE(machine.volumes[0].read_only);
    EXPECT_EQ(machine.volumes[1].path, "/c");
    EXPECT_TRUE(machine.volumes[1].read_only);
    ASSERT_TRUE(machine.network);
    EXPECT_EQ(machine.network->tap, "tap7");
    EXPECT_EQ(machine.network->queues, 4U);
    EXPECT_EQ(machine.network->machine_address, "10.0.0.9");
    ASSERT_EQ(machine.network->forwarded.size(), 2U);
    EXPECT_EQ(machine.network->forwarded[0].address, "127.0.0.1");
    EXPECT_EQ(machine.network->forwarded[0].host_port, 8080);
    EXPECT_EQ(machine.network->forwarded[0].machine_port, 80);
    EXPECT_FALSE(machine.network->forwarded[0].udp);
    EXPECT_EQ(machine.network->forwarded[1].machine_port, 5353);
    EXPECT_TRUE(machine.network->forwarded[1].udp);
}

TEST(SnapshotNotes, WithoutDevices) {
    const Snapshot snapshot{write_notes({})};
    const SnapshotNotes notes = read_notes(snapshot.path());
    EXPECT_EQ(notes.program, "");
    EXPECT_FALSE(notes.terminal);
    EXPECT_TRUE(notes.machine.volumes.empty());
    EXPECT_FALSE(notes.machine.network);
}

TEST(SnapshotNotes, CutShortAnywhere) {
    const std::string whole = write_notes(some_notes());
    for (size_t size = 0; size < whole.size(); ++size) {
        const Snapshot snapshot{whole.substr(0, size)};
        EXPECT_EQ(failure_of(snapshot.path()), "--restore " + snapshot.path() + ": the snapshot is damaged: its state ends too early") << size;
    }
}

TEST(SnapshotNotes, FilesThatAreNone) {
    EXPECT_EQ(failure_of("/nowhere/at/all"), "--restore /nowhere/at/all: No such file or directory");
    EXPECT_EQ(failure_of("/dev/null"), "--restore /dev/null: this is no snapshot");
    const vmm::UniqueFd text{::memfd_create("text", MFD_CLOEXEC)};
    const std::string path = "/proc/self/fd/" + std::to_string(text.get());
    EXPECT_EQ(failure_of(path), "--restore " + path + ": this is no snapshot");
    ASSERT_EQ(::ftruncate(text.get(), 1 << 20), 0);
    EXPECT_EQ(failure_of(path), "--restore " + path + ": this is no snapshot");
}

}  // namespace
}  // namespace eremite::cli
