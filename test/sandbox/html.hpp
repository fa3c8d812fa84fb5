// Pages of plain HTML: what a person sees of a provider, made of forms that any browser can submit.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "message.hpp"

namespace ob::sandbox {

[[nodiscard]] std::string html_escaped(std::string_view text);
/// `content` is HTML already.
[[nodiscard]] Response html_page(int status, std::string_view title, const std::string &content);
/// Empty for an empty text.
[[nodiscard]] std::string html_paragraph(std::string_view text);
/// A form that POSTs `step`, `fields` (HTML already) and `action`: continue, or one of the `others` (value and label).
[[nodiscard]] std::string html_form(std::string_view step, const std::string &fields, std::string_view button,
                                    const std::vector<std::pair<std::string_view, std::string_view>> &others);
[[nodiscard]] std::string html_hidden(std::string_view name, std::string_view value);
/// Sends the browser elsewhere.
[[nodiscard]] Response redirect_to(std::string url);

/// What a browser has submitted.
class Form {
public:
	explicit Form(const Request &request) : fields_(parse_form(request.body)) {}
	/// Value of the first field of that name; empty if there is none.
	[[nodiscard]] std::string get(std::string_view name) const;
	[[nodiscard]] std::set<std::string> all(std::string_view name) const;

private:
	std::vector<std::pair<std::string, std::string>> fields_;
};

} // namespace ob::sandbox
