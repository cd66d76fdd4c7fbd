#pragma once
// Snapshots of machines (`eremite run --snapshot` and `--restore`): what the command notes in them, and their files.
#include <string>

#include "cli/file.hpp"
#include "cli/qemu_command.hpp"

namespace eremite::cli {

// What a machine goes on with that its own state does not tell.
struct SnapshotNotes {
    std::string program;    // the executable that runs, for backtraces
    bool terminal = false;  // it has a terminal
    VirtualMachine machine;  // its memory, processors and devices
};
[[nodiscard]] std::string write_notes(const SnapshotNotes& notes);
// Throws Failure: they are not understood.
[[nodiscard]] SnapshotNotes read_notes(const std::string& path);

// A snapshot that is written when it is asked for: beside its place, and there once it is complete.
class PendingSnapshot {
public:
    // Throws Failure: there is no writing there.
    explicit PendingSnapshot(std::string path);
    PendingSnapshot(const PendingSnapshot&) = delete;
    PendingSnapshot& operator=(const PendingSnapshot&) = delete;
    ~PendingSnapshot();

    // Descriptors for the monitor, as vmm::SnapshotOrders has them.
    [[nodiscard]] int request_end() const { return request_.get(); }
    [[nodiscard]] int file() const { return file_.get(); }
    [[nodiscard]] int reply_end() const { return reply_.write_end.get(); }
    // Can be read when there is an answer.
    [[nodiscard]] int answer() const { return reply_.read_end.get(); }

    // The first time: the monitor is asked. Later it tells the user that there is one already.
    void ask();
    // Takes the answer and tells the user.
    void take_answer();
    // The monitor has its own.
    void close_monitor_ends() { reply_.write_end.reset(); }

private:
    std::string path_, partial_;
    UniqueFd request_, file_;
    Pipe reply_;
    bool asked_ = false;
};

}  // namespace eremite::cli
