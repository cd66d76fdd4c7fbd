#pragma once
// A port that a socket holds by bind(2), whatever becomes of it afterwards.
#include "base/list.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class TcpLayer;

namespace tcp {

// On what conditions others may hold the same port (socket(7), ipv6(7)).
struct Sharing {
    bool reuse_address = false;
    bool reuse_port = false;
    bool v6_only = false;
};

class Binding : public ListNode<Binding> {
public:
    Binding() = default;
    Binding(const Binding&) = delete;
    Binding& operator=(const Binding&) = delete;
    ~Binding() { release(); }

    [[nodiscard]] bool held() const { return linked(); }
    [[nodiscard]] const Endpoint& local() const { return local_; }
    // What its holder now allows to others.
    void share(const Sharing& sharing) { sharing_ = sharing; }
    void release() {
        if (linked()) unlink();
    }

private:
    friend class eremite::net::TcpLayer;
    Endpoint local_{};
    Sharing sharing_{};
};

}  // namespace tcp
}  // namespace eremite::net
