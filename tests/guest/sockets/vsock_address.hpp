#pragma once
// Addresses of sockets between machines (vsock(7)).
#include <linux/vm_sockets.h>

#include "show.hpp"

inline Address vsock_address(uint32_t cid, uint32_t port) {
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = cid;
    address.svm_port = port;
    Address a;
    std::memcpy(&a.storage, &address, sizeof address);
    a.size = sizeof address;
    return a;
}

inline sockaddr_vm as_vsock(const Address& a) {
    sockaddr_vm address;
    std::memcpy(&address, &a.storage, sizeof address);
    return address;
}
