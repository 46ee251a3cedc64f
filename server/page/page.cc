#include "server/page/page.h"

#include <optional>
#include <string>

#include "api/json/error.h"
#include "server/http/accept.h"
#include "server/page/assets.h"

namespace puna::server {
namespace {

// Nothing from elsewhere, no script and no style but the two files, nobody's frame. Markup gets into the page through
// DOMPurify alone.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify";

void AddVary(std::string_view fields, HttpReply& reply) {
  std::string& vary = reply.headers["Vary"];
  vary += (vary.empty() ? "" : ", ") + std::string(fields);
}

void SendAsset(const PageAsset& asset, const HttpRequest& request, HttpReply& reply) {
  const bool is_page = asset.path == "/";
  reply.headers["ETag"] = asset.etag;
  reply.headers["Cache-Control"] = is_page ? "no-cache" : "public, max-age=31536000, immutable";
  reply.headers["X-Content-Type-Options"] = "nosniff";
  reply.headers["Referrer-Policy"] = "no-referrer";
  reply.headers["Cross-Origin-Resource-Policy"] = "same-origin";
  reply.headers["Content-Security-Policy"] = kPolicy;
  AddVary(is_page ? "Accept, Accept-Encoding" : "Accept-Encoding", reply);
  if (request.header("If-None-Match") == asset.etag) {
    reply.status = 304;
    return;
  }
  reply.content_type = asset.content_type;
  const bool packed = !asset.gzip.empty() && AcceptsGzip(request.header("Accept-Encoding"));
  if (packed) reply.headers["Content-Encoding"] = "gzip";
  reply.body = packed ? asset.gzip : asset.plain;
}

// What the page loads stands beside it, so its address ends in a slash.
void AddSlash(const std::string& prefix, HttpReply& reply) {
  AddVary("Accept", reply);
  reply.headers["Location"] = prefix + "/";
  reply.status = 308;
}

}  // namespace

bool PrefersHtml(std::string_view accept) {
  const double html = WeightOf("text/html", accept).value_or(0);
  return html > 0 && html >= WeightOf("application/json", accept).value_or(0);
}

bool AcceptsGzip(std::string_view accept_encoding) {
  const std::optional<double> gzip = WeightOf("gzip", accept_encoding);
  return gzip.value_or(WeightOf("*", accept_encoding).value_or(0)) > 0;
}

void AddPage(Router& router, const Handler& others, const std::string& prefix) {
  for (const PageAsset& asset : PageAssets()) {
    const auto handler = [asset, others, prefix](const HttpRequest& request, HttpReply& reply) {
      if (asset.path == "/" && !PrefersHtml(request.header("Accept"))) {
        AddVary("Accept", reply);
        if (!others) throw api::UnknownPath(request.method, request.path);
        return others(request, reply);
      }
      if (request.is_bare_prefix) return AddSlash(prefix, reply);
      SendAsset(asset, request, reply);
    };
    router.Add("GET", std::string(asset.path), handler, Router::Access::kOpen);
  }
}

}  // namespace puna::server
