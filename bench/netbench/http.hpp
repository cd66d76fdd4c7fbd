#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sockets.hpp"

namespace eremite::netbench {

/// A connection to a server of HTTP/1.1 that stays.
class HttpConnection {
public:
    HttpConnection(const Address& server, const std::string& path);
    /// Asks for the page and reads the answer. Throws if it is not that the page is there.
    void get();

private:
    /// Bytes of the answer that is in `text` so far; 0: more is needed to know.
    static size_t length_of(std::string_view text);

    Socket socket_;
    std::string request_;
    std::vector<std::byte> buffer_;
};

}  // namespace eremite::netbench
