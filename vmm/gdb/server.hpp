#pragma once
// The debugger's port: a socket on this host's loopback address where GDB finds the machine (`target remote localhost:PORT`), one at a time. The
// machine stands until the first has come and let it go; when GDB goes, the machine goes on, and another may come.
#include <optional>
#include <string>
#include <thread>

#include "vmm/debugger.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/gdb/kvm_target.hpp"
#include "vmm/gdb/stub.hpp"

namespace eremite::vmm::gdb {

class Server final : public Debugger {
public:
    // Throws Error: the port is taken.
    explicit Server(uint16_t port);
    ~Server() override;

    void attach(const Debuggee& machine) override;
    void list_needs(sandbox::Needs& needs) const override;
    void run() override;
    void detach(std::optional<uint8_t> status) override;

private:
    // More that GDB does not read is nothing that it asked for.
    static constexpr size_t most_unsent = size_t{1} << 20;

    void accept();
    void receive(uint32_t events);
    void send(std::string_view bytes);
    void flush();
    void close_connection();
    void finish();

    EventLoop loop_;
    UniqueFd listener_, connection_, end_event_;
    std::optional<KvmTarget> target_;
    std::optional<Stub> stub_;
    std::string unsent_;
    std::optional<uint8_t> status_;  // written before end_event_ is signalled
    std::thread thread_;
};

}  // namespace eremite::vmm::gdb
