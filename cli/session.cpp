#include "cli/session.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/cell.hpp"
#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/snapshot.hpp"
#include "cli/stdin_framing.hpp"
#include "cli/terminal.hpp"
#include "vmm/vsock/unix_socket.hpp"

namespace eremite::cli {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Output that our reader has not taken yet; with this much the machine has to wait, so that memory stays bounded.
constexpr size_t most_queued = 16 << 20;
constexpr size_t most_messages = 1 << 20;
// The size poll(2) guarantees to a write on a pipe that it calls writable, so that our own blocking streams never block us.
constexpr size_t write_piece = 4096;
// An image that has not said that it runs gets its input after this time all the same.
constexpr milliseconds input_delay{2000};
// A monitor ends at once after the image has reported its exit, or when it is told to, or is hung.
constexpr milliseconds end_delay{5000};
// How long a machine that was stopped from outside leaves to the reader of its last output.
constexpr milliseconds output_delay{1000};

// SIGINT and its like as readable events, for as long as the object lives.
class SignalEvents {
public:
    // `snapshots`: SIGUSR1 asks for one.
    explicit SignalEvents(bool snapshots) {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
        if (snapshots) sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, &before_);
        fd_ = UniqueFd{::signalfd(-1, &set, SFD_CLOEXEC)};
        broken_pipe_before_ = ::signal(SIGPIPE, SIG_IGN);
        if (!fd_) throw Failure{exit_status::eremite_failed, fmt::format("signalfd: {}", std::strerror(errno))};
    }
    SignalEvents(const SignalEvents&) = delete;
    SignalEvents& operator=(const SignalEvents&) = delete;
    ~SignalEvents() {
        ::signal(SIGPIPE, broken_pipe_before_);
        sigprocmask(SIG_SETMASK, &before_, nullptr);
    }
    [[nodiscard]] int descriptor() const { return fd_.get(); }
    [[nodiscard]] int take() const {
        signalfd_siginfo info{};
        return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : SIGTERM;
    }

private:
    sigset_t before_{};
    UniqueFd fd_;
    sighandler_t broken_pipe_before_ = SIG_DFL;
};

// Bytes on their way to a descriptor; without one (-1) they are dropped.
class Outlet {
public:
    Outlet() = default;
    explicit Outlet(int fd) : fd_{fd} {}

    [[nodiscard]] int descriptor() const { return fd_; }
    [[nodiscard]] size_t queued() const { return queue_.size() - sent_; }
    [[nodiscard]] bool waiting() const { return queued() != 0; }
    void push(std::string_view data) {
        if (fd_ >= 0) queue_ += data;
    }
    void close() {
        fd_ = -1;
        queue_.clear();
        sent_ = 0;
    }
    // One write of what poll(2) allowed. False: nobody reads any more.
    bool write_some() {
        const ssize_t written = ::write(fd_, queue_.data() + sent_, std::min(queued(), write_piece));
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (written < 0) {
            close();
            return false;
        }
        sent_ += static_cast<size_t>(written);
        // Moving the rest forward only now and then keeps a long queue from being moved at every write.
        if (sent_ == queue_.size() || sent_ >= compact_at) {
            queue_.erase(0, sent_);
            sent_ = 0;
        }
        return true;
    }

private:
    static constexpr size_t compact_at = 1 << 20;
    int fd_ = -1;
    std::string queue_;
    size_t sent_ = 0;
};

class Session {
public:
    Session(VirtualMachine machine, const SessionOptions& options)
        : options_{options},
          machine_{std::move(machine)},
          signals_{!machine_.snapshot.empty()},
          in_{make_pipe()},
          out_{make_pipe()},
          messages_{make_pipe()},
          log_{make_pipe()},
          report_{make_pipe()},
          child_{start()} {
        // Only our ends stay open here, so that QEMU's end is seen as the end of its pipes.
        in_.read_end.reset();
        for (Pipe* pipe : {&out_, &messages_, &log_, &report_}) pipe->write_end.reset();
        if (snapshot_) snapshot_->close_monitor_ends();
        // QEMU takes input only as fast as the program reads, and must not hold us up.
        ::fcntl(in_.write_end.get(), F_SETFL, O_NONBLOCK);
        to_machine_ = Outlet{in_.write_end.get()};
        if (options.detached) return;
        to_output_ = Outlet{STDOUT_FILENO};
        to_errors_ = Outlet{STDERR_FILENO};
        input_open_ = true;
    }

    SessionEnd run() {
        while (step()) {
        }
        end_.report.finish();
        if (ended_ || !may_be_left()) end_.wait_status = child_.wait();
        else child_.leave();
        // Our own monitor, which may not touch files any more when it ends, leaves its socket there.
        if (machine_.vsock && !machine_.vsock->path.empty()) vmm::vsock::remove_left_over(machine_.vsock->path);
        return std::move(end_);
    }

private:
    // QEMU's descriptors: the usual three, then these, then the connections to daemons.
    static constexpr int log_fd = 3, report_fd = 4, first_daemon_fd = 5;
    // Those of our own monitor, which has no daemons.
    static constexpr int snapshot_request_fd = 5, snapshot_file_fd = 6, snapshot_reply_fd = 7;

    ChildProcess start() {
        machine_.log_path = fmt::format("/dev/fd/{}", log_fd);
        machine_.report_path = fmt::format("/dev/fd/{}", report_fd);
        std::vector<std::pair<int, int>> descriptors{{in_.read_end.get(), 0},
                                                     {out_.write_end.get(), 1},
                                                     {messages_.write_end.get(), 2},
                                                     {log_.write_end.get(), log_fd},
                                                     {report_.write_end.get(), report_fd}};
        CellDescriptors cell{log_fd, report_fd};
        if (!machine_.snapshot.empty()) {
            snapshot_.emplace(machine_.snapshot);
            descriptors.emplace_back(snapshot_->request_end(), snapshot_request_fd);
            descriptors.emplace_back(snapshot_->file(), snapshot_file_fd);
            descriptors.emplace_back(snapshot_->reply_end(), snapshot_reply_fd);
            cell = {log_fd, report_fd, snapshot_request_fd, snapshot_file_fd, snapshot_reply_fd};
        }
        int next = first_daemon_fd;
        for (SharedFolder& folder : machine_.folders) {
            if (folder.daemon < 0) continue;
            descriptors.emplace_back(folder.daemon, next);
            folder.daemon = next++;
        }
        start_ = Clock::now();
        if (machine_.vmm == Vmm::Cell) return ChildProcess{[this, cell] { return run_cell(machine_, cell); }, descriptors};
        return ChildProcess{qemu_command(machine_), descriptors};
    }

    // Waits for one round of events and handles them. False: all is done.
    bool step() {
        enum Slot { Signals, End, Out, Messages, Log, ReportLines, Input, ToMachine, ToOutput, ToErrors, Snapshot, SlotCount };
        std::array<pollfd, SlotCount> polls{};
        const auto watch = [&polls](Slot slot, bool wanted, int fd, short events) {
            polls[slot] = {.fd = wanted ? fd : -1, .events = events, .revents = 0};
        };
        watch(Signals, true, signals_.descriptor(), POLLIN);
        watch(End, !ended_, child_.end_descriptor(), POLLIN);
        watch(Out, to_output_.queued() < most_queued, out_.read_end.get(), POLLIN);
        watch(Messages, true, messages_.read_end.get(), POLLIN);
        watch(Log, to_errors_.queued() < most_queued, log_.read_end.get(), POLLIN);
        watch(ReportLines, true, report_.read_end.get(), POLLIN);
        watch(Input, input_open_ && !ended_ && input_allowed() && to_machine_.queued() < write_piece, STDIN_FILENO, POLLIN);
        watch(ToMachine, to_machine_.waiting() && !ended_, to_machine_.descriptor(), POLLOUT);
        watch(ToOutput, to_output_.waiting(), to_output_.descriptor(), POLLOUT);
        watch(Snapshot, snapshot_.has_value(), snapshot_ ? snapshot_->answer() : -1, POLLIN);
        watch(ToErrors, to_errors_.waiting(), to_errors_.descriptor(), POLLOUT);
        const bool pipes_open = out_.read_end || messages_.read_end || log_.read_end || report_.read_end;
        if ((ended_ || may_be_left()) && !pipes_open && !to_output_.waiting() && !to_errors_.waiting()) return false;
        if (::poll(polls.data(), polls.size(), poll_timeout()) < 0) {
            if (errno == EINTR) return true;
            throw Failure{exit_status::eremite_failed, fmt::format("poll: {}", std::strerror(errno))};
        }
        if (snapshot_ && polls[Snapshot].revents != 0) snapshot_->take_answer();
        const auto ready = [&polls](Slot slot) { return polls[slot].revents != 0; };
        if (ready(Signals)) {
            const int signal = signals_.take();
            if (signal == SIGUSR1) {
                snapshot_->ask();
            } else {
                end_.ended_by_signal = signal;
                stop();
            }
        }
        if (ready(ToMachine)) to_machine_.write_some();
        if (ready(ToErrors)) to_errors_.write_some();
        if (ready(ToOutput) && !to_output_.write_some()) {
            if (!end_.ended_by_signal) end_.ended_by_signal = SIGPIPE;
            stop();
        }
        if (ready(Out)) {
            take(out_, [this](std::string_view data) {
                if (!end_.until_output) end_.until_output = Clock::now() - start_;
                image_output(to_output_, data);
            });
        }
        if (ready(Log)) take(log_, [this](std::string_view data) { image_output(to_errors_, data); });
        if (ready(ReportLines)) take(report_, [this](std::string_view data) { take_report(data); });
        if (ready(Messages)) {
            take(messages_, [this](std::string_view data) {
                if (end_.vmm_messages.size() < most_messages) end_.vmm_messages += data;
            });
        }
        if (ready(Input)) take_input();
        if (ready(End)) {
            ended_ = true;
            end_.until_end = Clock::now() - start_;
            if (!exit_reported_) end_.until_exit_report = end_.until_end;
        }
        check_deadlines();
        return true;
    }

    template <typename Handler>
    void take(Pipe& pipe, Handler handler) {
        char buffer[65536];
        const ssize_t got = ::read(pipe.read_end.get(), buffer, sizeof buffer);
        if (got > 0) {
            handler(std::string_view{buffer, static_cast<size_t>(got)});
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            pipe.read_end.reset();
        }
    }

    void image_output(Outlet& outlet, std::string_view data) {
        end_.output_seen = true;
        outlet.push(data);
    }

    void take_report(std::string_view data) {
        end_.output_seen = true;
        end_.report.feed(data);
        if (end_.report.exit_status && !exit_reported_) {
            exit_reported_ = Clock::now();
            end_.until_exit_report = *exit_reported_ - start_;
        }
    }

    void take_input() {
        char buffer[write_piece];
        const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got > 0) {
            const std::string_view data{buffer, static_cast<size_t>(got)};
            to_machine_.push(options_.framed_input ? framed(data) : std::string{data});
            return;
        }
        input_open_ = false;
        constexpr std::string_view end_of_transmission = "\x04";  // VEOF of termios(3), as the machine's terminal has it
        if (options_.framed_input) to_machine_.push(end_of_input());
        else if (!options_.raw_terminal) to_machine_.push(end_of_transmission);
    }

    // What arrives before the image has set up its serial port is lost there.
    [[nodiscard]] bool input_allowed() const { return end_.output_seen || machine_.vmm == Vmm::Cell || Clock::now() - start_ >= input_delay; }

    // When an end from outside stops waiting for a reader of our output that does not read.
    [[nodiscard]] Clock::time_point patience_end() const { return *stopped_ + output_delay; }

    [[nodiscard]] int poll_timeout() const {
        std::optional<Clock::time_point> next;
        const auto consider = [&next](Clock::time_point when) { next = next ? std::min(*next, when) : when; };
        if (stopped_) consider(Clock::now() < patience_end() || ended_ ? patience_end() : *stopped_ + end_delay);
        if (options_.timeout && !stopped_ && !ended_) consider(start_ + *options_.timeout);
        if (exit_reported_ && !stopped_ && !ended_) consider(*exit_reported_ + end_delay);
        if (input_open_ && !ended_ && !input_allowed()) consider(start_ + input_delay);
        if (!next) return -1;
        // One more millisecond than the rest of the division, so that the time has come when poll returns.
        const auto left = std::chrono::duration_cast<milliseconds>(*next - Clock::now()) + milliseconds{1};
        return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
    }

    void check_deadlines() {
        const auto now = Clock::now();
        if (stopped_ && now >= patience_end()) abandon_output();
        if (ended_) return;
        if (stopped_ && now >= *stopped_ + end_delay) child_.kill();
        if (stopped_) return;
        if (options_.timeout && now >= start_ + *options_.timeout) {
            end_.timed_out = true;
            stop();
        }
        if (exit_reported_ && now >= *exit_reported_ + end_delay) stop();
    }

    // A machine of our own monitor that has told its exit status, and closed all pipes, holds nothing any more but what the kernel takes its time to free
    // (some ten milliseconds for a machine of KVM). Where others may wait for what it had, or its figures are wanted, its process is waited for.
    [[nodiscard]] bool may_be_left() const {
        constexpr uint64_t most_left = uint64_t{512} << 20;
        const bool has_something = !machine_.volumes.empty() || !machine_.folders.empty() || machine_.network || machine_.vsock || machine_.gdb_port || snapshot_ || machine_.huge_pages || machine_.memory > most_left;
        return machine_.vmm == Vmm::Cell && end_.report.exit_status && !has_something && !machine_.statistics && !stopped_;
    }

    // Our own monitor lets devices finish what is under way; the second time, and if it takes too long, it has no choice.
    void stop() {
        if (machine_.vmm == Vmm::Cell && !stopped_) child_.terminate();
        else child_.kill();
        input_open_ = false;
        if (!stopped_) stopped_ = Clock::now();
    }
    void abandon_output() {
        to_output_.close();
        to_errors_.close();
    }

    SessionOptions options_;
    VirtualMachine machine_;
    SignalEvents signals_;
    std::optional<PendingSnapshot> snapshot_;
    Pipe in_, out_, messages_, log_, report_;
    Clock::time_point start_;
    ChildProcess child_;
    Outlet to_machine_, to_output_, to_errors_;
    bool input_open_ = false;
    bool ended_ = false;
    std::optional<Clock::time_point> stopped_;
    std::optional<Clock::time_point> exit_reported_;
    SessionEnd end_;
};

}  // namespace

SessionEnd run_session(VirtualMachine machine, const SessionOptions& options) {
    Session session{std::move(machine), options};
    std::optional<RawTerminal> terminal;
    if (options.raw_terminal) terminal.emplace(STDIN_FILENO);
    return session.run();
}

}  // namespace eremite::cli
