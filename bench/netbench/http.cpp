#include "http.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace eremite::netbench {

HttpConnection::HttpConnection(const Address& server, const std::string& path)
    : socket_{connect_to(server, SOCK_STREAM)}, request_{"GET " + path + " HTTP/1.1\r\nHost: server\r\n\r\n"}, buffer_(64 * 1024) {
    no_delay(socket_);
}

size_t HttpConnection::length_of(std::string_view text) {
    const size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return 0;
    if (!text.starts_with("HTTP/1.1 200 ")) throw std::runtime_error{"the server answers " + std::string{text.substr(0, text.find('\r'))}};
    constexpr std::string_view field = "\r\nContent-Length: ";
    const size_t at = text.find(field);
    size_t length = 0;
    if (at >= end || std::from_chars(text.data() + at + field.size(), text.data() + end, length).ec != std::errc{})
        throw std::runtime_error{"the server does not say how long the page is"};
    return end + 4 + length;
}

void HttpConnection::get() {
    if (!write_all(socket_, std::as_bytes(std::span{request_}))) throw std::runtime_error{"the server closes the connection"};
    size_t done = 0, length = 0;
    while (length == 0 || done < length) {
        // A page that is longer than the buffer is read over and over itself.
        const size_t at = done % buffer_.size();
        const size_t count = read_some(socket_, std::span{buffer_}.subspan(at));
        if (count == 0) throw std::runtime_error{"the server closes the connection"};
        done += count;
        if (length == 0) length = length_of({reinterpret_cast<const char*>(buffer_.data()), std::min(done, buffer_.size())});
    }
    if (done > length) throw std::runtime_error{"the server sends more than was asked for"};
}

}  // namespace eremite::netbench
