#include "html.hpp"

#include <algorithm>

namespace ob::sandbox {

std::string html_escaped(std::string_view text) {
	std::string out;
	for (const char c : text) {
		switch (c) {
		case '<':
			out += "&lt;";
			break;
		case '>':
			out += "&gt;";
			break;
		case '&':
			out += "&amp;";
			break;
		case '"':
			out += "&quot;";
			break;
		default:
			out.push_back(c);
		}
	}
	return out;
}

Response html_page(int status, std::string_view title, const std::string &content) {
	Response out;
	out.status = status;
	out.content_type = "text/html; charset=utf-8";
	out.body = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + html_escaped(title) +
	           "</title></head>\n<body>\n<h1>" + html_escaped(title) + "</h1>\n" + content + "\n</body></html>\n";
	return out;
}

std::string html_paragraph(std::string_view text) {
	return text.empty() ? "" : "<p>" + html_escaped(text) + "</p>\n";
}

std::string html_form(std::string_view step, const std::string &fields, std::string_view button,
                      const std::vector<std::pair<std::string_view, std::string_view>> &others) {
	std::string out = "<form method=\"post\">\n" + html_hidden("step", step) + fields +
	                  "<button name=\"action\" value=\"continue\">" + html_escaped(button) + "</button>\n";
	for (const auto &[value, label] : others) {
		out += "<button name=\"action\" value=\"" + html_escaped(value) + "\">" + html_escaped(label) + "</button>\n";
	}
	return out + "</form>";
}

std::string html_hidden(std::string_view name, std::string_view value) {
	return "<input type=\"hidden\" name=\"" + html_escaped(name) + "\" value=\"" + html_escaped(value) + "\">\n";
}

Response redirect_to(std::string url) {
	Response out;
	out.status = 303;
	out.content_type = "";
	out.headers.emplace_back("Location", std::move(url));
	return out;
}

std::string Form::get(std::string_view name) const {
	const auto found = std::find_if(fields_.begin(), fields_.end(), [name](const auto &f) { return f.first == name; });
	return found == fields_.end() ? std::string{} : found->second;
}

std::set<std::string> Form::all(std::string_view name) const {
	std::set<std::string> out;
	for (const auto &[key, value] : fields_) {
		if (key == name) {
			out.insert(value);
		}
	}
	return out;
}

} // namespace ob::sandbox
