package monitoring

import (
	"bytes"
	"encoding/json"
)

// The types below are the part of Grafana's classic dashboard JSON that the
// boards use. It needs no import step: the data source is a variable, and the
// ids are fixed.

type object = map[string]any

const (
	columns     = 24
	panelHeight = 8
)

// JSON is the dashboard as Grafana provisions it.
func (b Board) JSON() ([]byte, error) {
	var panels []object
	id, y := 0, 0
	place := func(p object, x, w, h int) {
		id++
		p["id"], p["gridPos"] = id, object{"x": x, "y": y, "w": w, "h": h}
		panels = append(panels, p)
	}
	for _, row := range b.Rows {
		place(object{"type": "row", "title": row.Title, "collapsed": false, "panels": []object{}}, 0, columns, 1)
		y++
		x, height := 0, panelHeight
		for _, p := range row.Panels {
			w := p.Width
			if w == 0 {
				w = 8
			}
			h := panelHeight
			if p.Kind == Stat {
				h = 4
			}
			if x+w > columns {
				x, y = 0, y+height
			}
			height = h
			place(p.json(), x, w, h)
			x += w
		}
		y += height
	}
	datasource := object{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}
	job := object{
		"name": "job", "label": "Job", "type": "query", "datasource": source, "hide": 0, "refresh": 2, "multi": true, "includeAll": true, "allValue": ".+",
		"definition": "label_values(usher_build_info, job)", "query": object{"query": "label_values(usher_build_info, job)", "refId": "job"},
		"current": object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
	}
	return marshal(object{
		"uid": b.UID, "title": b.Title, "description": b.About, "tags": []string{"usher"}, "schemaVersion": 39, "version": 1,
		"editable": true, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
		"time":       object{"from": "now-1h", "to": "now"},
		"templating": object{"list": []object{datasource, job}},
		"links":      []object{{"type": "dashboards", "title": "usher", "tags": []string{"usher"}, "icon": "external link", "tooltip": "", "targetBlank": false, "asDropdown": false, "includeVars": true, "keepTime": true}},
		"panels":     panels,
	})
}

var source = object{"type": "prometheus", "uid": "${datasource}"}

func (p Panel) json() object {
	var targets []object
	for i, q := range p.Queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": q.Text(), "legendFormat": q.Legend, "editorMode": "code",
			"range": p.Kind == TimeSeries, "instant": p.Kind != TimeSeries,
		})
	}
	steps := []object{{"color": "green", "value": nil}}
	if p.Red > 0 {
		steps = append(steps, object{"color": "red", "value": p.Red})
	}
	defaults := object{"unit": p.Unit, "min": 0, "color": object{"mode": "palette-classic"}, "thresholds": object{"mode": "absolute", "steps": steps}}
	options := object{}
	switch p.Kind {
	case TimeSeries:
		defaults["custom"] = object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": true}
		options = object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	case Stat:
		defaults["color"] = object{"mode": "thresholds"}
		options = object{"colorMode": "value", "graphMode": "area", "reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}}
	case BarGauge:
		options = object{"displayMode": "gradient", "orientation": "horizontal", "reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}}
	}
	return object{
		"type": p.Kind, "title": p.Title, "description": p.About, "datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": options,
	}
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
