#include "server/http/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr size_t kMaxRecord = 1 << 14;  // of plain text

// Clients that speak HTTP/2 as well offer both.
int SelectHttp11(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                 unsigned in_length, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_length, kOurs, sizeof kOurs - 1, in, in_length);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// OpenSSL does not say it.
void CheckReadable(const std::string& option, const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int error = fd < 0 ? errno : 0;
  struct stat info {};
  const bool is_folder = fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
  if (fd >= 0) close(fd);
  if (error != 0 || is_folder) {
    throw std::runtime_error(option + ": cannot read " + path + " (" + std::strerror(is_folder ? EISDIR : error) +
                             "); check the path and its permissions");
  }
}

}  // namespace

TlsContext::TlsContext(const std::string& cert_file, const std::string& key_file)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
  CheckReadable("tls_cert_file", cert_file);
  CheckReadable("tls_key_file", key_file);
  SSL_CTX* context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds none
  SSL_CTX_set_alpn_select_cb(context, SelectHttp11, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    throw std::runtime_error("cannot use the certificate " + cert_file + " with the key " + key_file + " (" +
                             (reason ? reason : "unknown reason") + "); both must be PEM files that belong together");
  }
}

TlsSession::TlsSession(const TlsContext& context) : ssl_(SSL_new(context.context_.get())) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl_, in, out);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Status TlsSession::Receive(std::string_view bytes, std::string& plain, std::string& wire) {
  ERR_clear_error();
  fresh_ = false;
  BIO* in = SSL_get_rbio(ssl_);
  std::array<char, kMaxRecord> piece;
  while (true) {
    // In pieces, so that the memory in between stays small.
    const size_t given = std::min(bytes.size(), piece.size());
    if (given > 0 && BIO_write(in, bytes.data(), static_cast<int>(given)) != static_cast<int>(given))
      return Status::kFailed;
    bytes.remove_prefix(given);
    int count;
    while ((count = SSL_read(ssl_, piece.data(), piece.size())) > 0)
      plain.append(piece.data(), static_cast<size_t>(count));
    const int error = SSL_get_error(ssl_, count);
    TakeOutput(wire);
    if (error == SSL_ERROR_ZERO_RETURN) return Status::kClosed;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return Status::kFailed;
    if (bytes.empty()) return Status::kOpen;
  }
}

bool TlsSession::Send(std::string_view plain, std::string& wire) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int count = SSL_write(ssl_, plain.data(), static_cast<int>(std::min(plain.size(), kMaxRecord)));
    TakeOutput(wire);
    if (count <= 0) return false;
    plain.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void TlsSession::Close(std::string& wire) {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  ERR_clear_error();
  TakeOutput(wire);
}

void TlsSession::TakeOutput(std::string& wire) {
  BIO* out = SSL_get_wbio(ssl_);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  if (size > 0) wire.append(data, static_cast<size_t>(size));
  BIO_reset(out);
}

}  // namespace puna::server
